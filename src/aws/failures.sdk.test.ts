// Covers what users read of failures that the SDK itself throws, at a server that checks signatures: each row of
// docs/identities/README.md that a call of ECR can have.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { type AwsStandIn, startAwsStandIn } from '../../testing/aws/aws-stand-in.ts';
import type { Fault } from '../../testing/aws/faults.ts';
import { KEY } from '../../testing/aws/stand-in-world.ts';
import { Failure } from '../lib/errors.ts';
import { systemClock } from '../lib/time.ts';
import { type AwsKeys, createCalls } from './calls.ts';
import { createEcrClient } from './ecr-client.ts';
import { createEgress, type Egress } from './egress.ts';
import { endpointOf } from './endpoints.ts';

const fault = (code: string, message: string, status = 400): Fault => ({ op: 'error', status, code, message });

describe('a login that fails', () => {
  let standIn: AwsStandIn;
  let egress: Egress;

  before(async () => {
    standIn = await startAwsStandIn({ accounts: [KEY] });
    egress = createEgress({ env: {}, certificateAuthorities: [] });
  });
  afterEach(() => standIn.faults.clear());
  after(async () => {
    delete process.env['AWS_ENDPOINT_URL_ECR'];
    egress.close();
    await standIn.stop();
  });

  const failureWith = async (keys: AwsKeys): Promise<Failure> => {
    const call = createCalls({ clock: systemClock });
    process.env['AWS_ENDPOINT_URL_ECR'] = standIn.url;
    const endpoint = endpointOf('ECR', process.env);
    const ecr = createEcrClient({ clock: systemClock, userAgent: 'test', egress, call, endpoint });
    const asked = { kind: 'private', region: 'eu-west-1', useFips: false, useDualstack: false } as const;
    const failed = await ecr
      .fetchToken({ ...asked, keys, account: undefined }, new AbortController().signal)
      .then(() => undefined)
      .catch((thrown: unknown) => thrown);
    assert.ok(failed instanceof Failure);
    return failed;
  };
  const rows: Readonly<
    Record<string, { fault?: Fault; keys?: Partial<AwsKeys>; want: readonly [next: string, words: RegExp] }>
  > = {
    'for an id that AWS does not know, or not there, says both': {
      keys: { accessKeyId: 'AKIAUNKNOWNUNKNOWN01' },
      want: [
        'change',
        /^AWS denied the login \(UnrecognizedClientException\): .*; eu-west-1 does not know this key: .* has not enabled the region$/,
      ],
    },
    'for a secret of another id says that the signature is wrong': {
      keys: { secretAccessKey: 'x'.repeat(40) },
      want: ['change', /^AWS denied the login \(InvalidSignatureException\): /],
    },
    'for a missing right quotes AWS': {
      fault: fault('AccessDeniedException', 'User ci is not authorized to perform: ecr:GetAuthorizationToken'),
      want: ['change', /^AWS denied the login \(AccessDeniedException\): User ci is not authorized .*ecr:Get/],
    },
    'for a session that has ended says so': {
      fault: fault('ExpiredTokenException', 'The security token included in the request is expired'),
      want: ['change', /^AWS denied the login \(ExpiredTokenException\): .* is expired$/],
    },
    'for too many calls says who makes them': {
      fault: fault('ThrottlingException', 'Rate exceeded'),
      want: [
        'backoff',
        /^ECR in eu-west-1 answered \(ThrottlingException\): Rate exceeded; the account makes too many calls in eu-west-1$/,
      ],
    },
    'for a connection that is closed says that, and not that time ran out': {
      fault: { op: 'reset' },
      want: ['backoff', /^cannot reach ECR in eu-west-1: ECONNRESET, the connection was closed before the answer$/],
    },
    'for the page of a proxy names what is on the way': {
      fault: { op: 'garbage', status: 403, contentType: 'text/html', body: '<html>blocked</html>' },
      want: [
        'backoff',
        /^ECR in eu-west-1 answered with status 403, which is no answer of AWS: look at what is on the way/,
      ],
    },
    'for half an answer repeats nothing of it': {
      fault: {
        op: 'garbage',
        status: 200,
        contentType: 'application/x-amz-json-1.1',
        body: '{"authorizationData":[{"auth',
      },
      want: ['backoff', /^ECR in eu-west-1 answered with status 200$/],
    },
  };
  for (const [outcome, row] of Object.entries(rows))
    test(outcome, async () => {
      if (row.fault) standIn.faults.failWhile(() => true, row.fault);
      const { next, message } = await failureWith({ ...KEY, ...row.keys });
      assert.equal(next, row.want[0]);
      assert.match(message, row.want[1]);
    });

  test('for a server that is not there says the code of the network', async () => {
    await standIn.stop();
    assert.match((await failureWith(KEY)).message, /^cannot reach ECR in eu-west-1: ECONNREFUSED$/);
    standIn = await startAwsStandIn({ accounts: [KEY] });
  });
});
