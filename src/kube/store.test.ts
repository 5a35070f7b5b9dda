// Covers the store: how lists, watch events and the answers to the operator's own writes become changes, each once.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { array, assert as assertProperty, boolean, constantFrom, integer, property, record } from 'fast-check';
import { createStore, isNewer, type Store, type Stored } from './store.ts';

/** The changes as short texts: key, version before and after, and whether the operator's own write caused it. */
function watched(): { readonly store: Store<Stored>; readonly changes: () => readonly string[] } {
  const seen: string[] = [];
  const store = createStore<Stored>(({ key, before, after, own }) => {
    seen.push(`${key} ${before?.resourceVersion ?? '-'}>${after?.resourceVersion ?? '-'}${own ? ' own' : ''}`);
  });
  return { store, changes: () => seen.splice(0) };
}

const at = (resourceVersion: string): Stored => ({ resourceVersion });

function listing(...entries: readonly (readonly [string, string])[]): ReadonlyMap<string, Stored> {
  return new Map(entries.map(([key, version]) => [key, at(version)]));
}

describe('a version', () => {
  const rows: Readonly<Record<string, { one: string; other: string; want: boolean }>> = {
    'is newer when its number is higher': { one: '10', other: '9', want: true },
    'is not newer than itself': { one: '9', other: '9', want: false },
    'is not newer when its number is lower': { one: '9', other: '10', want: false },
    'beyond 2^53 is compared exactly': { one: '9007199254740993', other: '9007199254740992', want: true },
    'beyond 2^64 is compared exactly': { one: '18446744073709551617', other: '18446744073709551616', want: true },
    'that is no number is never newer': { one: 'b', other: '1', want: false },
    'is never newer than one that is no number': { one: '2', other: 'a', want: false },
    'that is empty is never newer': { one: '', other: '0', want: false },
    'that is negative is never newer': { one: '2', other: '-1', want: false },
  };
  for (const [outcome, { one, other, want }] of Object.entries(rows)) {
    test(outcome, () => assert.equal(isNewer(one, other), want));
  }
});

describe('an event', () => {
  test('is one change with what was before and what is after', () => {
    const { store, changes } = watched();
    store.apply('n/a', at('1'), '1');
    store.apply('n/a', at('2'), '2');
    store.apply('n/a', undefined, '3');
    assert.deepEqual(changes(), ['n/a ->1', 'n/a 1>2', 'n/a 2>-']);
    assert.equal(store.size, 0);
  });

  test('that comes twice is one change', () => {
    const { store, changes } = watched();
    for (let turn = 0; turn < 2; turn += 1) store.apply('n/a', at('1'), '1');
    for (let turn = 0; turn < 2; turn += 1) store.apply('n/a', undefined, '2');
    assert.deepEqual(changes(), ['n/a ->1', 'n/a 1>-']);
  });

  test('of an object that the store no longer wants removes it', () => {
    const { store, changes } = watched();
    store.apply('n/a', at('1'), '1');
    store.apply('n/a', undefined, '2');
    assert.deepEqual(changes(), ['n/a ->1', 'n/a 1>-']);
    assert.equal(store.get('n/a'), undefined);
  });

  test('of an object called like a property of every object is kept under its name', () => {
    const { store } = watched();
    for (const key of ['/__proto__', '/constructor']) store.apply(key, at('1'), '1');
    assert.deepEqual(
      [...store.entries()].map(([key]) => key),
      ['/__proto__', '/constructor'],
    );
    assert.equal(store.get('/toString'), undefined);
  });
});

// Rule 11
describe("the operator's own write", () => {
  test('and then its event are one change', () => {
    const { store, changes } = watched();
    store.replace(listing(['n/a', '5']), '5');
    changes();
    store.wrote('n/a', at('6'));
    store.apply('n/a', at('6'), '6');
    assert.deepEqual(changes(), ['n/a 5>6 own']);
  });

  test('whose event shows another object than was expected is news when that comes', () => {
    const seen: string[] = [];
    const store = createStore<Stored & { readonly content: string }>(({ before, after, own }) => {
      seen.push(`${before?.content ?? '-'}>${after?.content ?? '-'}${own ? ' own' : ''}`);
    });
    const of = (content: string): Stored & { readonly content: string } => ({ ...at('6'), content });
    store.wrote('n/a', of('ours'));
    store.apply('n/a', of('rewritten'), '6');
    store.apply('n/a', of('rewritten'), '6');
    assert.deepEqual(seen, ['->ours own', 'ours>rewritten']);
    assert.equal(store.get('n/a')?.content, 'rewritten');
  });

  test('is unseen until the watch has come to it, by whatever it brings', () => {
    const ways: readonly ((store: Store<Stored>) => void)[] = [
      (store) => store.apply('n/a', at('6'), '6'),
      (store) => store.apply('n/b', at('7'), '7'),
      (store) => store.reach('6'),
      (store) => store.replace(listing(['n/a', '6']), '6'),
    ];
    for (const comesToIt of ways) {
      const { store } = watched();
      store.replace(listing(['n/a', '4']), '4');
      assert.equal(store.isUnseen('n/a'), false);
      store.wrote('n/a', at('6'));
      assert.equal(store.isUnseen('n/a'), true);
      store.apply('n/c', at('5'), '5');
      assert.equal(store.isUnseen('n/a'), true);
      comesToIt(store);
      assert.equal(store.isUnseen('n/a'), false);
      assert.equal(store.isUnseen('n/none'), false);
    }
  });

  test('whose event came first is one change', () => {
    const { store, changes } = watched();
    store.apply('n/a', at('6'), '6');
    store.wrote('n/a', at('6'));
    assert.deepEqual(changes(), ['n/a ->6']);
  });

  test('whose event comes before the answer is no news, as long as it is expected and shows what was', () => {
    const { store, changes } = watched();
    const release = store.expect('n/a', ({ resourceVersion }) => resourceVersion === '6');
    store.apply('n/b', at('4'), '4');
    store.apply('n/a', at('5'), '5');
    store.apply('n/a', at('6'), '6');
    store.wrote('n/a', at('6'));
    store.apply('n/a', undefined, '7');
    assert.deepEqual(changes(), ['n/b ->4', 'n/a ->5', 'n/a 5>6 own', 'n/a 6>-']);
    release();
    store.apply('n/a', at('6'), '8');
    assert.deepEqual(changes(), ['n/a ->6']);
  });

  test('ends its own expectation, and not that of a later one', () => {
    const { store, changes } = watched();
    const release = store.expect('n/a', () => false);
    store.expect('n/a', () => true);
    release();
    store.apply('n/a', at('6'), '6');
    assert.deepEqual(changes(), ['n/a ->6 own']);
  });

  test('is ignored when the watch has been past it: the object may be gone since', () => {
    const { store, changes } = watched();
    store.apply('n/a', at('6'), '6');
    store.apply('n/a', undefined, '7');
    changes();
    store.wrote('n/a', at('6'));
    assert.deepEqual(changes(), []);
    assert.equal(store.get('n/a'), undefined);
  });

  test('is ignored when a bookmark has been past it', () => {
    const { store, changes } = watched();
    store.reach('7');
    store.wrote('n/a', at('6'));
    assert.deepEqual(changes(), []);
  });

  test('is ignored when a list has been past it', () => {
    const { store, changes } = watched();
    store.replace(listing(), '7');
    store.wrote('n/a', at('6'));
    assert.deepEqual(changes(), []);
  });

  test('is not undone by an event from before it', () => {
    const { store, changes } = watched();
    store.wrote('n/a', at('6'));
    store.apply('n/a', at('4'), '4');
    store.apply('n/a', undefined, '5');
    assert.deepEqual(changes(), ['n/a ->6 own']);
    store.apply('n/a', undefined, '7');
    assert.deepEqual(changes(), ['n/a 6>-']);
  });

  test('is not undone by the late answer to an earlier one', () => {
    const { store, changes } = watched();
    store.wrote('n/a', at('7'));
    store.wrote('n/a', at('6'));
    assert.deepEqual(changes(), ['n/a ->7 own']);
  });

  test('is ignored when versions are no numbers: then only the watch is believed', () => {
    const { store, changes } = watched();
    store.wrote('n/a', at('opaque'));
    assert.deepEqual(changes(), []);
    store.apply('n/a', at('opaque'), 'opaque');
    assert.deepEqual(changes(), ['n/a ->opaque']);
  });
});

describe('a whole list', () => {
  test('is the changes that it makes, and nothing for what stayed', () => {
    const { store, changes } = watched();
    store.replace(listing(['n/a', '1'], ['n/b', '2'], ['n/c', '3']), '3');
    changes();
    store.replace(listing(['n/a', '1'], ['n/b', '5'], ['n/d', '6']), '7');
    assert.deepEqual(changes(), ['n/c 3>-', 'n/b 2>5', 'n/d ->6']);
    assert.equal(store.size, 3);
  });

  test('keeps what the operator wrote after it, missing or older in it', () => {
    const { store, changes } = watched();
    store.replace(listing(['n/a', '1']), '1');
    store.wrote('n/a', at('8'));
    store.wrote('n/b', at('9'));
    changes();
    store.replace(listing(['n/a', '1']), '7');
    assert.deepEqual(changes(), []);
    assert.deepEqual([store.get('n/a'), store.get('n/b')], [at('8'), at('9')]);
    store.replace(listing(['n/a', '8']), '10');
    assert.deepEqual(changes(), ['n/b 9>-']);
  });

  test('is believed in everything when versions are no numbers', () => {
    const { store, changes } = watched();
    store.replace(listing(['n/a', 'x'], ['n/b', 'y']), 'y');
    changes();
    store.replace(listing(['n/a', 'w']), 'w');
    assert.deepEqual(changes(), ['n/b y>-', 'n/a x>w']);
  });

  test('compares versions beyond 2^53 exactly', () => {
    const { store } = watched();
    store.wrote('n/a', at('9007199254740993'));
    store.replace(listing(), '9007199254740992');
    assert.equal(store.size, 1);
    store.replace(listing(), '9007199254740993');
    assert.equal(store.size, 0);
  });
});

test('any history of one object ends in what the server holds, each version reported once, none after a newer one', () => {
  const happening = record({ ours: boolean(), answer: constantFrom('before', 'after', 'never'), gone: boolean() });
  assertProperty(
    property(array(happening, { maxLength: 12 }), integer({ min: 1, max: 4 }), (history, listEvery) => {
      const told: (string | undefined)[] = [];
      const store = createStore<Stored>(({ after }) => void told.push(after?.resourceVersion));
      let held: Stored | undefined;
      for (const [index, { ours, answer, gone }] of history.entries()) {
        const version = String(index + 10);
        held = gone ? undefined : at(version);
        if (held && ours && answer === 'before') store.wrote('n/a', held);
        if (index % listEvery === 0) store.replace(held ? listing(['n/a', version]) : listing(), version);
        else store.apply('n/a', held, version);
        if (held && ours && answer === 'after') store.wrote('n/a', held);
      }
      assert.deepEqual(store.get('n/a'), held);
      const versions = told.filter((version) => version !== undefined);
      assert.deepEqual(
        versions,
        [...new Set(versions)].toSorted((one, other) => Number(one) - Number(other)),
      );
    }),
    { numRuns: 500 },
  );
});

test('a list that is older than what was reached puts everything back as it was then', () => {
  const { store, changes } = watched();
  store.replace(listing(['n/a', '3'], ['n/b', '9']), '10');
  store.apply('n/a', at('12'), '12');
  changes();
  store.replace(listing(['n/a', '3']), '5');
  assert.deepEqual(changes(), ['n/b 9>-', 'n/a 12>3']);
});

test('more of an object is taken in the version that is held, and reported; in another version it is ignored', () => {
  type Sized = Stored & { readonly isWhole: boolean };
  const told: (boolean | undefined)[] = [];
  const store = createStore<Sized>(({ after, own }) => void told.push(after?.isWhole && !own));
  store.replace(new Map([['n/a', { resourceVersion: '5', isWhole: false }]]), '9');
  store.complete('n/a', { resourceVersion: '4', isWhole: true });
  store.complete('n/b', { resourceVersion: '5', isWhole: true });
  store.complete('n/a', { resourceVersion: '5', isWhole: true });
  assert.deepEqual([told, store.get('n/a')?.isWhole, store.size], [[false, true], true, 1]);
});
