// Covers a store that several reflectors fill, each its own namespace.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { createPartedStore, type PartedStore } from './parted-store.ts';
import type { Store, Stored } from './store.ts';

const at = (resourceVersion: string): Stored => ({ resourceVersion });

describe('a store of some namespaces', () => {
  let changes: string[];
  let store: PartedStore<Stored>;
  const part = (wanted: string): Store<Stored> =>
    store.parts.find(({ namespace }) => namespace === wanted)?.store ?? assert.fail(`no part ${wanted}`);

  beforeEach(() => {
    changes = [];
    store = createPartedStore(
      ['a', 'b'],
      ({ key, after }) => void changes.push(`${key} ${after?.resourceVersion ?? '-'}`),
    );
    part('a').replace(new Map([['a/x', at('5')]]), '6');
    part('b').replace(
      new Map([
        ['b/x', at('1')],
        ['b/y', at('2')],
      ]),
      '3',
    );
  });

  test('shows the objects of all its parts', () => {
    assert.deepEqual(
      [...store.entries()].map(([key]) => key),
      ['a/x', 'b/x', 'b/y'],
    );
    assert.equal(store.size, 3);
    assert.deepEqual([store.get('b/y'), store.get('c/x'), store.get('/x')], [at('2'), undefined, undefined]);
  });

  test('loses with a new list of one namespace nothing of another one, whose version is its own', () => {
    changes.length = 0;
    part('b').replace(new Map(), '4');
    assert.deepEqual(changes, ['b/x -', 'b/y -']);
    part('a').apply('a/x', undefined, '7');
    assert.equal(store.size, 0);
  });

  test('takes note of an answer in the part that it belongs to, and of none from elsewhere', () => {
    store.wrote('b/z', at('9'));
    store.wrote('c/z', at('9'));
    store.complete('b/z', at('9'));
    store.complete('c/z', at('9'));
    assert.deepEqual([store.get('b/z'), store.get('c/z')], [at('9'), undefined]);
    assert.deepEqual(
      ['b/z', 'b/x', 'c/z'].map((key) => store.isUnseen(key)),
      [true, false, false],
    );
    part('b').reach('9');
    assert.equal(store.isUnseen('b/z'), false);
  });
});

test('a store of the whole cluster has one part, which is the store', () => {
  const store = createPartedStore<Stored>(undefined, () => {});
  const [part] = store.parts;
  assert.equal(part?.namespace, undefined);
  part?.store.apply('a/x', at('1'), '1');
  assert.deepEqual([store.size, store.get('a/x')], [1, at('1')]);
});
