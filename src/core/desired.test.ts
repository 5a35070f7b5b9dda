// Covers where a Secret is wanted, and which changes of a namespace matter to an object.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assert as assertProperty, boolean, constantFrom, option, property, record, subarray } from 'fast-check';
import { concerns, type Desired, desiredTargets, isTarget, type NamespaceView } from './desired.ts';
import type { Targets } from './resource.ts';
import type { Selector } from './selector.ts';

const ecr: Selector = [{ label: 'ecr', operator: 'In', values: new Set(['true']) }];

function namespace(
  name: string,
  over: { labelled?: boolean; hasAllLabels?: boolean; terminating?: boolean } = {},
): NamespaceView {
  const { labelled = false, hasAllLabels = true, terminating = false } = over;
  return { name, labels: new Map(labelled ? [['ecr', 'true']] : []), hasAllLabels, terminating };
}

function cluster(...views: readonly NamespaceView[]): ReadonlyMap<string, NamespaceView> {
  return new Map(views.map((view) => [view.name, view]));
}

function targets(over: Partial<Targets>): Targets {
  return { named: [], isOwn: false, selector: undefined, excluded: new Set(), ...over };
}

/** @param served  namespaces in which the object has a Secret */
function wanted(wish: Targets, views: ReadonlyMap<string, NamespaceView>, ...served: readonly string[]): Desired {
  return desiredTargets(wish, views, (name) => served.includes(name));
}

describe('a secret is wanted', () => {
  const three = cluster(namespace('c', { labelled: true }), namespace('a'), namespace('b', { labelled: true }));
  const rows: Readonly<Record<string, { wish: Targets; want: readonly (readonly [string, boolean])[] }>> = {
    'in named namespaces': {
      wish: targets({ named: ['a', 'b'] }),
      want: [
        ['a', true],
        ['b', true],
      ],
    },
    'in selected namespaces, sorted': {
      wish: targets({ selector: ecr }),
      want: [
        ['b', false],
        ['c', false],
      ],
    },
    'in all of both, a namespace that is both counting as named': {
      wish: targets({ named: ['a', 'b'], selector: ecr }),
      want: [
        ['a', true],
        ['b', true],
        ['c', false],
      ],
    },
    'in every namespace by an empty selector': {
      wish: targets({ selector: [] }),
      want: [
        ['a', false],
        ['b', false],
        ['c', false],
      ],
    },
    "in the object's own namespace, also while that has not been seen yet": {
      wish: targets({ named: ['new'], isOwn: true }),
      want: [['new', true]],
    },
    'in no excluded namespace, named or selected': {
      wish: targets({ named: ['a'], selector: ecr, excluded: new Set(['a', 'b']) }),
      want: [['c', false]],
    },
    'nowhere when nothing is named or selected': { wish: targets({}), want: [] },
  };
  for (const [where, { wish, want }] of Object.entries(rows)) {
    test(where, () => {
      const { targets: found, problems } = wanted(wish, three);
      assert.deepEqual(
        found.map(({ namespace, named }) => [namespace, named]),
        want,
      );
      assert.deepEqual(problems, []);
    });
  }

  test('in no terminating namespace, named or selected, and that is no problem', () => {
    const leaving = cluster(
      namespace('a', { terminating: true }),
      namespace('b', { labelled: true, terminating: true }),
    );
    const desired = wanted(targets({ named: ['a'], selector: ecr }), leaving);
    assert.deepEqual(desired, { targets: [], problems: [], undecided: [] });
  });
});

describe('a named namespace that does not exist', () => {
  test('is a problem', () => {
    assert.deepEqual(wanted(targets({ named: ['a'] }), cluster()).problems, [
      {
        namespace: 'a',
        named: true,
        reason: 'NamespaceNotFound',
        message: 'namespace a does not exist; the Secret is created as soon as it does',
      },
    ]);
  });

  test('is no problem when it is excluded', () => {
    const desired = wanted(targets({ named: ['a'], excluded: new Set(['a']) }), cluster());
    assert.deepEqual(desired, { targets: [], problems: [], undecided: [] });
  });

  test('is promised nothing when no namespace can have its name', () => {
    const { problems } = wanted(targets({ named: ['../x'] }), cluster());
    assert.equal(problems[0]?.message, 'no namespace can have this name');
  });

  test('is not taken for a property of every object', () => {
    const named = ['__proto__', 'constructor'];
    assert.equal(wanted(targets({ named }), cluster()).problems.length, 2);
    const { targets: found } = wanted(targets({ named }), cluster(...named.map((name) => namespace(name))));
    assert.equal(found.length, 2);
  });
});

describe('a namespace with more labels than are kept', () => {
  const cut = cluster(namespace('a', { hasAllLabels: false }), namespace('b', { labelled: true, hasAllLabels: false }));

  test('is given no secret when the selector asks for a label that was not kept, and the status reports it', () => {
    const { targets: found, problems, undecided } = wanted(targets({ selector: ecr }), cut);
    assert.deepEqual(
      found.map(({ namespace }) => namespace),
      ['b'],
    );
    assert.deepEqual(problems, []);
    assert.deepEqual(
      undecided.map(({ namespace, named, reason }) => [namespace, named, reason]),
      [['a', false, 'TooManyLabels']],
    );
  });

  test('keeps the secret that it has, and the status reports it all the same', () => {
    const { targets: found, undecided } = wanted(targets({ selector: ecr }), cut, 'a');
    assert.deepEqual(
      found.map(({ namespace, named }) => [namespace, named]),
      [
        ['a', false],
        ['b', false],
      ],
    );
    assert.equal(undecided.length, 1);
  });

  test('is served by name, and not when it is excluded, whatever its labels', () => {
    const named = wanted(targets({ named: ['a'], selector: ecr }), cut);
    assert.deepEqual([named.targets.length, named.undecided.length], [2, 0]);
    const excluded = wanted(targets({ selector: ecr, excluded: new Set(['a', 'b']) }), cut, 'a');
    assert.deepEqual(excluded, { targets: [], problems: [], undecided: [] });
  });

  test('causes no conflict: an object that may not have it is no rival', () => {
    const wish = targets({ named: ['c'], selector: ecr, excluded: new Set(['d']) });
    const views = ['a', 'b', 'c', 'd'].map((name) => cut.get(name) ?? namespace(name, { labelled: name === 'd' }));
    assert.deepEqual(
      [...views, namespace('c', { terminating: true })].map((view) => isTarget(wish, view)),
      [false, true, true, false, false],
    );
  });
});

describe('a change of a namespace', () => {
  const named = targets({ named: ['a'] });
  const selected = targets({ selector: ecr });
  const plain = namespace('a');
  const labelled = namespace('a', { labelled: true });
  const leaving = namespace('a', { labelled: true, terminating: true });

  const rows: Readonly<
    Record<
      string,
      { wish: Targets; before: NamespaceView | undefined; after: NamespaceView | undefined; want: boolean }
    >
  > = {
    'concerns who names it when it appears': { wish: named, before: undefined, after: plain, want: true },
    'concerns who names it when it goes': { wish: named, before: plain, after: undefined, want: true },
    'concerns who names it when it begins to terminate': { wish: named, before: plain, after: leaving, want: true },
    'concerns who names it when it is gone at last': { wish: named, before: leaving, after: undefined, want: true },
    'does not concern who names it when labels change': { wish: named, before: plain, after: labelled, want: false },
    'concerns who selects it when it is labelled': { wish: selected, before: plain, after: labelled, want: true },
    'concerns who selects it when the label goes': { wish: selected, before: labelled, after: plain, want: true },
    'concerns who selects it when it terminates': { wish: selected, before: labelled, after: leaving, want: true },
    'does not concern who selects others': { wish: selected, before: undefined, after: plain, want: false },
    'does not concern who neither names nor selects': {
      wish: targets({}),
      before: plain,
      after: labelled,
      want: false,
    },
    'does not concern who excludes it': {
      wish: targets({ named: ['a'], selector: ecr, excluded: new Set(['a']) }),
      before: undefined,
      after: labelled,
      want: false,
    },
    'that is none concerns nobody': { wish: named, before: undefined, after: undefined, want: false },
  };
  for (const [outcome, { wish, before, after, want }] of Object.entries(rows)) {
    test(outcome, () => assert.equal(concerns(wish, before, after), want));
  }

  test('concerns an object exactly when it changes what the object wants', () => {
    const view = option(
      record({ labelled: boolean(), hasAllLabels: boolean(), terminating: boolean() }).map((over) =>
        namespace('a', over),
      ),
      { nil: undefined },
    );
    const wish = record({
      named: subarray(['a', 'b']),
      isOwn: constantFrom(false),
      selector: constantFrom(ecr, [], undefined),
      excluded: subarray(['a', 'b']).map((names) => new Set(names)),
    });
    assertProperty(
      property(wish, view, view, (targeted, before, after) => {
        const [old, now] = [before, after].map((one) => wanted(targeted, cluster(...(one ? [one] : []))));
        const differs = JSON.stringify(old) !== JSON.stringify(now);
        assert.equal(concerns(targeted, before, after), differs);
      }),
      { numRuns: 500 },
    );
  });
});
