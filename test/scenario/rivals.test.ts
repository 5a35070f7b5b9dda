// Several objects that want one Secret: one has it, in whatever order they come, and the next one has it after that.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { constantFrom, record, sample, shuffledSubarray } from 'fast-check';
import { eventually } from '../../testing/api-server/test-api.ts';
import { CLUSTER_PATH, conditionOf, NAMESPACED_PATH, SECRET_PATH, useWorld } from '../../testing/operator/world.ts';
import { createClusterPullSecret, createPullSecret } from './manifests.ts';

/** Five objects of both kinds; a sample takes two to five of them, in any order, and deletes them in any order. */
const ALL = ['n1', 'c1', 'n2', 'c2', 'n3'];
const course = record({
  created: shuffledSubarray(ALL, { minLength: 2 }),
  // The one that has the Secret goes, or one that waits for it.
  leaves: constantFrom('owner', 'other'),
});
const COURSES = 8;

// Rule 3
describe('two to five objects that want one secret', () => {
  const world = useWorld();
  let namespace = '';
  before(async () => {
    await world.startOperator();
  });

  const pathOf = (name: string): string =>
    name.startsWith('n') ? NAMESPACED_PATH(namespace, name) : CLUSTER_PATH(`${name}-${namespace}`);
  const create = (name: string): Promise<unknown> =>
    name.startsWith('n')
      ? createPullSecret(world.api, namespace, name)
      : createClusterPullSecret(world.api, `${name}-${namespace}`, { namespaces: [namespace] });

  /** The object that has the Secret, once exactly one is Ready and all others report a conflict with it. */
  const settledOwner = (names: readonly string[]): Promise<string> =>
    eventually(async () => {
      const objects = await Promise.all(names.map(async (name) => (await world.api.get(pathOf(name))).body));
      const { body } = await world.api.get(SECRET_PATH(namespace, 'ecr-login'));
      const owners = body.metadata.ownerReferences.filter(({ controller }: { controller: boolean }) => controller);
      const [owner, ...more] = names.filter((_, index) => objects[index].metadata.uid === owners[0]?.uid);
      const others = objects.filter(({ metadata }) => metadata.uid !== owners[0]?.uid);
      if (owner === undefined || more.length > 0 || owners.length !== 1) return undefined;
      const { status } = objects[names.indexOf(owner)];
      if (conditionOf(status, 'Ready')?.status !== 'True') return undefined;
      const inConflict = others.every((other) => other.status.problems?.items[0]?.reason === 'SecretConflict');
      return inConflict ? owner : undefined;
      // The garbage collector learns of new kinds every half minute.
    }, 60_000);

  for (const { created, leaves } of sample(course, COURSES)) {
    test(`${created.join(', ')}, and the ${leaves} leaves each time: one of them has it`, async () => {
      namespace = await world.api.createNamespace();
      await Promise.all(created.map(create));
      let rest: readonly string[] = created;
      let owner = await settledOwner(rest);
      while (rest.length > 1) {
        const leaver = leaves === 'owner' ? owner : (rest.find((name) => name !== owner) ?? owner);
        await world.api.must('DELETE', pathOf(leaver));
        rest = rest.filter((name) => name !== leaver);
        const next = await settledOwner(rest);
        if (leaver !== owner) assert.equal(next, owner, 'who has it keeps it');
        owner = next;
      }
      for (const name of rest) await world.api.must('DELETE', pathOf(name));
    });
  }
});
