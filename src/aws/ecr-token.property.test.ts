// Holds the parser of ECR's answer against any answer: a token for an ECR host, or a Failure that repeats nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  anything,
  array,
  assert as assertProperty,
  constant,
  date,
  oneof,
  option,
  property,
  record,
  string,
  stringMatching,
  webUrl,
} from 'fast-check';
import { after, base64, hostOf, START } from '../../testing/rigs/builders.ts';
import { Failure } from '../lib/errors.ts';
import { HOUR, SECOND } from '../lib/time.ts';
import { type EcrToken, parseToken } from './ecr-token.ts';

const REGION = 'eu-west-1';
const HOST = new RegExp(`^\\d{12}\\.dkr[.-]ecr(-fips)?\\.${REGION}\\.[a-z.]+$`);
const CANARY = stringMatching(/^canary-[A-Za-z0-9]{12}$/);

function outcome(answer: unknown): EcrToken | Failure {
  try {
    return parseToken(answer, { region: REGION }, START);
  } catch (thrown) {
    assert.ok(thrown instanceof Failure, String(thrown));
    return thrown;
  }
}

function check(answer: unknown): void {
  const found = outcome(answer);
  if (found instanceof Failure) return;
  assert.equal(found.hosts.length, 1);
  for (const host of found.hosts) assert.match(host, HOST);
  assert.ok(found.username.length > 0 && !found.username.includes(':'));
  assert.ok(found.password.length > 0);
  assert.ok(found.expiresAt >= START + 5 * SECOND && found.expiresAt <= START + 12 * HOUR);
}

test('any object gives a token for an ECR host of the region, or a Failure', () => {
  assertProperty(
    property(anything({ withDate: true, withNullPrototype: true, withBigInt: true }), (answer) => {
      check(answer);
      check({ authorizationData: answer });
      check({ authorizationData: [answer] });
    }),
    { numRuns: 500 },
  );
});

test('any answer that resembles a good one gives a token for an ECR host of the region, or a Failure', () => {
  const endpoint = oneof(
    constant(`https://${hostOf(REGION)}`),
    webUrl({ withFragments: true, withQueryParameters: true }),
    string().map((text) => `https://${text}.dkr.ecr.${REGION}.amazonaws.com`),
    string().map((text) => `https://111122223333.dkr.ecr.${REGION}.amazonaws.com${text}`),
    string().map((text) => `https://111122223333.dkr.ecr.${text}.amazonaws.com`),
    string().map((text) => `https://111122223333.dkr.ecr.${REGION}.${text}`),
  );
  const entry = record({
    authorizationToken: option(
      oneof(
        string().map((text) => base64(`AWS:${text}`)),
        string(),
        anything(),
      ),
    ),
    proxyEndpoint: endpoint,
    expiresAt: option(oneof(date({ noInvalidDate: false }), constant(new Date(after(HOUR))))),
  });
  assertProperty(
    property(array(entry, { minLength: 1, maxLength: 2 }), (authorizationData) => check({ authorizationData })),
    { numRuns: 2_000 },
  );
});

test('a Failure repeats nothing of the answer', () => {
  const canaries = record({ authorizationToken: CANARY, proxyEndpoint: CANARY, expiresAt: CANARY });
  assertProperty(
    property(canaries, ({ authorizationToken, proxyEndpoint, expiresAt }) => {
      const good = {
        authorizationToken: base64(`AWS:${authorizationToken}`),
        proxyEndpoint: `https://${hostOf(REGION)}`,
        expiresAt: new Date(after(HOUR)),
      };
      const broken = [
        { ...good, authorizationToken },
        { ...good, authorizationToken: base64(authorizationToken) },
        { ...good, authorizationToken: base64(`AWS:${authorizationToken}\u0000`) },
        { ...good, proxyEndpoint },
        { ...good, proxyEndpoint: `https://${proxyEndpoint}.example.com/${proxyEndpoint}` },
        { ...good, expiresAt },
      ];
      for (const entry of broken) {
        const found = outcome({ authorizationData: [entry] });
        assert.ok(found instanceof Failure);
        const told = JSON.stringify([found.message, found.reason, String(found.cause), found.stack]).toLowerCase();
        for (const canary of [authorizationToken, proxyEndpoint, expiresAt, good.authorizationToken]) {
          assert.ok(!told.includes(canary.toLowerCase()));
        }
      }
    }),
  );
});
