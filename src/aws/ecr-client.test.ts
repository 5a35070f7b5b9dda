// Covers the connections to AWS: they are shared and reused, whatever the clients and the roles.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type AwsStandIn, startAwsStandIn } from '../../testing/aws/aws-stand-in.ts';
import { KEY } from '../../testing/aws/stand-in-world.ts';
import { type ConnectProxy, startConnectProxy } from '../../testing/network/connect-proxy.ts';
import { makeAuthority } from '../../testing/network/self-signed.ts';
import { systemClock } from '../lib/time.ts';
import { createCalls } from './calls.ts';
import { createEcrClient } from './ecr-client.ts';
import { createEgress, type Egress } from './egress.ts';
import { createStsClient } from './sts-client.ts';

const ROLE = 'arn:aws:iam::444455556666:role/ecr';
const ROUNDS = 50;

describe('fifty roles and logins one after the other', () => {
  const authority = makeAuthority();
  let standIn: AwsStandIn;
  let proxy: ConnectProxy;
  let egress: Egress;

  before(async () => {
    standIn = await startAwsStandIn({ accounts: [KEY] });
    standIn.addRole({ arn: ROLE, trusts: [{ op: 'account', accountId: KEY.accountId }] });
    proxy = await startConnectProxy({ authority, serve: (_host, socket) => standIn.accept(socket) });
    egress = createEgress({ env: { HTTPS_PROXY: proxy.url }, certificateAuthorities: [authority.certificate] });
  });
  after(async () => {
    egress.close();
    await proxy.stop();
    await standIn.stop();
  });

  test('take one connection to each host', async () => {
    const parts = {
      clock: systemClock,
      userAgent: 'test',
      egress,
      call: createCalls({ clock: systemClock }),
      endpoint: undefined,
    };
    const [ecr, sts] = [createEcrClient(parts), createStsClient(parts)];
    const at = { region: 'eu-west-1', useFips: false, useDualstack: false };
    const { signal } = new AbortController();
    for (let round = 0; round < ROUNDS; round += 1) {
      const session = { ...at, roleArn: ROLE, externalId: undefined, sessionName: `round-${round}` };
      const keys = await sts.assumeRole({ ...session, keys: KEY }, signal);
      const token = await ecr.fetchToken({ ...at, kind: 'private', keys, account: '444455556666' }, signal);
      assert.ok(standIn.isValidToken(token.password));
    }
    assert.equal(standIn.calls(), 2 * ROUNDS);
    assert.deepEqual([...proxy.tunnels].sort(), [
      'api.ecr.eu-west-1.amazonaws.com:443',
      'sts.eu-west-1.amazonaws.com:443',
    ]);
  });
});
