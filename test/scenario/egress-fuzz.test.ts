// Ten thousand nonsensical specs of every kind, with schema validation off: no request goes to a host outside AWS.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  type Arbitrary,
  array,
  assert as assertProperty,
  asyncProperty,
  constantFrom,
  integer,
  oneof,
  record,
  string,
  tuple,
} from 'fast-check';
import { createCalls } from '../../src/aws/calls.ts';
import { createEcrClient } from '../../src/aws/ecr-client.ts';
import { createEgress, type Egress } from '../../src/aws/egress.ts';
import { createStsClient } from '../../src/aws/sts-client.ts';
import { parseWish, type Wish } from '../../src/core/resource.ts';
import { Failure } from '../../src/lib/errors.ts';
import { systemClock } from '../../src/lib/time.ts';
import { type AwsPartition, partitionOf, partitions } from '../../testing/aws/partitions.ts';
import { type ConnectProxy, startConnectProxy } from '../../testing/network/connect-proxy.ts';
import { makeAuthority } from '../../testing/network/self-signed.ts';
import { clusterPullSecret, KEY_ID, SECRET_KEY } from '../../testing/rigs/builders.ts';

const OBJECTS = 10_000;

/** What an attacker would put between the parts of a host name. */
const TRICKS = [
  '.evil.example',
  '@evil.example',
  '/',
  '#',
  '?',
  '\\',
  '..',
  '%2e',
  '\n',
  '\u0000',
  ' ',
  ':80',
  '[::1]',
  '169.254.169.254',
  '\u3002',
  'е',
  '-1',
  '-',
  '',
];

/** A good text, or one with something inserted somewhere. */
function spoilt(good: readonly string[]): Arbitrary<string> {
  const changed = tuple(constantFrom(...good), constantFrom(...TRICKS), integer({ min: 0, max: 80 })).map(
    ([text, trick, at]) => text.slice(0, at % (text.length + 1)) + trick + text.slice(at % (text.length + 1)),
  );
  return oneof(
    { weight: 3, arbitrary: changed },
    { weight: 2, arbitrary: constantFrom(...good) },
    { weight: 1, arbitrary: string({ unit: 'binary', maxLength: 60 }) },
  );
}

const regions = partitions.flatMap((partition) => partition.regions);
const anyRegion = spoilt([...regions, 'zz-nowhere-9', 'eu-evil-com-1']);
const anyRole = spoilt(['arn:aws:iam::111122223333:role/a', 'arn:aws-cn:iam::111122223333:role/path/b']);
const anyBoolean = constantFrom<unknown>(true, false, undefined, 'true', 1);

const anySpec = record({
  awsAccess: record({
    region: anyRegion,
    accessKeyId: constantFrom(KEY_ID),
    secretAccessKey: constantFrom(SECRET_KEY),
    assumeRole: oneof(constantFrom(undefined), record({ roleArn: anyRole, externalId: string({ maxLength: 20 }) })),
    useFipsEndpoint: anyBoolean,
    useDualstackEndpoint: anyBoolean,
    endpoint: constantFrom(undefined, 'http://evil.example'),
  }),
  secretName: constantFrom('ecr-login'),
  registries: oneof(
    constantFrom(undefined),
    record({
      regions: array(anyRegion, { maxLength: 2 }),
      accounts: array(spoilt(['111122223333']), { maxLength: 2 }),
      hosts: array(spoilt(['registry.example.com', 'a.example.com:8443']), { maxLength: 2 }),
      public: anyBoolean,
    }),
  ),
});

/** `api.ecr`, `ecr`, their FIPS forms, `api.ecr-public` or `sts`, the region, and a suffix of its partition. */
const HOST =
  /^((?:api\.)?ecr(?:-fips)?|(?:api\.)?ecr-public|sts(?:-fips)?)\.([a-z]{2,6}(?:-[a-z]+)+-\d{1,2})\.([a-z0-9.-]+):443$/;

const suffixesOf = (partition: AwsPartition): readonly string[] => [
  partition.suffix,
  partition.dualstackSuffix.replace(/^on\./, 'api.'),
];

/** A missing region may be looked for in any partition; an existing one, in its own only. */
function isOfAws(tunnel: string): boolean {
  const [, , region = '', suffix = ''] = HOST.exec(tunnel) ?? [];
  const candidates = regions.includes(region) ? [partitionOf(region)] : partitions;
  return candidates.flatMap(suffixesOf).includes(suffix);
}

describe('a request', () => {
  const authority = makeAuthority();
  let proxy: ConnectProxy;
  let egress: Egress;

  before(async () => {
    proxy = await startConnectProxy({ authority, serve: (_host, socket) => socket.destroy() });
    // It sees the name, and lets nothing through.
    proxy.refuse('403 Forbidden');
    egress = createEgress({ env: { HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url } });
  });
  after(async () => {
    egress.close();
    await proxy.stop();
  });

  const { signal } = new AbortController();
  const parts = () => ({
    clock: systemClock,
    userAgent: 'test',
    egress,
    call: createCalls({ clock: systemClock }),
  });
  const isRefused = async (answer: Promise<unknown>): Promise<void> => {
    await assert.rejects(answer, (thrown: unknown) => thrown instanceof Failure);
  };

  /** Sends every request for a wish. */
  const send = async ({ registries, access }: Wish): Promise<void> => {
    const { region, useFips, useDualstack, role } = access;
    const keys = { accessKeyId: KEY_ID, secretAccessKey: SECRET_KEY };
    const ecr = createEcrClient({ ...parts(), endpoint: undefined });
    for (const { kind, region: of } of registries)
      await isRefused(ecr.fetchToken({ kind, region: of, keys, account: undefined, useFips, useDualstack }, signal));
    if (!role) return;
    const session = { region, useFips, useDualstack, sessionName: 'a-session' };
    await isRefused(createStsClient(parts()).assumeRole({ ...session, ...role, keys }, signal));
  };

  // Rule 16
  test('goes to no host but those of AWS, in ten thousand specs of every kind', async () => {
    const sent = new Set<string>();
    let accepted = 0;
    await assertProperty(
      asyncProperty(anySpec, async (spec) => {
        const wish = parseWish(clusterPullSecret(spec));
        if (typeof wish === 'string') return;
        accepted += 1;
        const { registries, access } = wish;
        const mark = JSON.stringify([
          registries,
          access.region,
          access.useFips,
          access.useDualstack,
          Boolean(access.role),
        ]);
        // The same request once more would show nothing new.
        if (sent.has(mark)) return;
        sent.add(mark);
        await send(wish);
      }),
      { numRuns: OBJECTS },
    );
    assert.ok(accepted > 500 && proxy.tunnels.length > 200, `${accepted} accepted, ${proxy.tunnels.length} requests`);
    for (const tunnel of proxy.tunnels) assert.ok(isOfAws(tunnel), tunnel);
  });
});
