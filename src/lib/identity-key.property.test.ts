// Covers the key of an identity over arbitrary texts: it is the same for the same identity only.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { digest } from './digest.ts';
import { type IdentityKey, identityKey } from './identity-key.ts';

/** Texts that a user may choose, among them lookalikes of the names, kinds, lengths and keys that are digested. */
const text = fc.oneof(
  fc.string(),
  fc.constantFrom(
    '',
    'pair',
    'ambient',
    'role',
    'true',
    'false',
    'undefined',
    'region',
    'source',
    'container',
    '0:',
    '4:',
  ),
  fc.string().map((one) => digest(one)),
);
const flag = fc.boolean();
const endpoint = { region: text, useFips: flag, useDualstack: flag };
const key = text.map((one) => one as IdentityKey);

/** Each kind with arbitrary parts: the parts as one text, and their key. */
const identity = fc.oneof(
  fc
    .record({ accessKeyId: text, secretAccessKey: text, sessionToken: fc.option(text, { nil: undefined }) })
    .map((parts) => ({ kind: 'pair', parts, made: identityKey('pair', parts) })),
  fc
    .record({ namespace: text, name: text, uid: text, roleArn: text, ...endpoint })
    .map((parts) => ({ kind: 'serviceAccount', parts, made: identityKey('serviceAccount', parts) })),
  fc
    .record({ source: text, variables: text })
    .map((parts) => ({ kind: 'ambient', parts, made: identityKey('ambient', parts) })),
  fc
    .record({ ambient: key, ...endpoint })
    .map((parts) => ({ kind: 'ambientIn', parts, made: identityKey('ambientIn', parts) })),
  fc
    .record({ base: key, roleArn: text, externalId: fc.option(text, { nil: undefined }), ...endpoint })
    .map((parts) => ({ kind: 'role', parts, made: identityKey('role', parts) })),
  fc
    .record({ identity: key, ...endpoint })
    .map((parts) => ({ kind: 'endpoint', parts, made: identityKey('endpoint', parts) })),
  fc
    .record({
      identity: key,
      kind: fc.constantFrom('private' as const, 'public' as const),
      account: fc.option(text, { nil: undefined }),
      ...endpoint,
    })
    .map((parts) => ({ kind: 'login', parts, made: identityKey('login', parts) })),
);

/** Distinguishes undefined from an empty text, as the keys do. */
function written({ kind, parts }: { readonly kind: string; readonly parts: object }): string {
  return JSON.stringify([kind, Object.entries(parts).sort(([one], [other]) => (one < other ? -1 : 1))]);
}

// Rule 20
describe('the key of an identity', () => {
  test('is the same for two identities only when kind and all parts are', () => {
    fc.assert(
      fc.property(identity, identity, (one, other) => {
        assert.equal(one.made === other.made, written(one) === written(other));
      }),
      { numRuns: 5_000 },
    );
  });

  test('differs when any one part differs', () => {
    fc.assert(
      fc.property(identity, fc.nat(), text, ({ kind, parts, made }, which, other) => {
        const names = Object.keys(parts);
        const name = names[which % names.length] ?? '';
        const before: unknown = Reflect.get(parts, name);
        const changed = typeof before === 'boolean' ? !before : other;
        if (changed === before) return;
        const again = identityKey(kind as 'pair', { ...parts, [name]: changed } as never);
        assert.notEqual(again, made, `${kind}.${name}`);
      }),
      { numRuns: 5_000 },
    );
  });

  test('is no digest that can be made of a pair of keys, whatever stands in them', () => {
    const ambient = identityKey('ambient', { source: 'container', variables: '{}' });
    const forged = [
      digest('ambient', digest('container'), 'eu-west-1'),
      digest('container'),
      identityKey('pair', {
        accessKeyId: 'ambient',
        secretAccessKey: digest('container'),
        sessionToken: 'eu-west-1',
      }),
      identityKey('pair', { accessKeyId: 'source', secretAccessKey: 'container', sessionToken: undefined }),
    ];
    assert.ok(!forged.includes(ambient));
  });
});
