// What AWS repeats of a call in its messages: none of it reaches a user. The suite ends with a search for all keys in
// everything that the operator wrote; each test checks what its user reads.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import {
  conditionOf,
  GOOD_KEY,
  NAMESPACED_PATH,
  type RunningOperator,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { createPullSecret } from './manifests.ts';

const SESSION = {
  accessKeyId: 'ASIATESTSESSION00005',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYTESTTEST04',
  sessionToken: 'IQoJb3JpZ2luX2VjEXAMPLEofATokenThatIsLong+EnoughToBeLookedFor/00==',
  accountId: GOOD_KEY.accountId,
};
const { accessKeyId, secretAccessKey, sessionToken } = SESSION;
const SCOPE = '20261126/eu-west-1/ecr/aws4_request';
const HEADER = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${SCOPE}, SignedHeaders=host;x-amz-date, Signature=0123456789abcdef`;
const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** By code, in the words of AWS services. */
const WORDS: readonly (readonly [code: string, message: string])[] = [
  [
    'IncompleteSignatureException',
    `'${secretAccessKey}/${SCOPE}' not a valid key=value pair (missing equal-sign) in Authorization header: '${HEADER}'.`,
  ],
  ['IncompleteSignatureException', `Credential must have exactly 5 elements, got '${secretAccessKey}/20261126/eu'`],
  [
    'InvalidSignatureException',
    `The Canonical String for this request should have been\n'POST\n/\n\nhost:x\nx-amz-security-token:${sessionToken}\n'\nThe String-to-Sign should have been\n'${HEADER}'`,
  ],
  ['UnrecognizedClientException', `The security token ${encodeURIComponent(sessionToken)} is invalid`],
  ['AccessDeniedException', `user of ${base64(`${accessKeyId}:${secretAccessKey}`)} may not`],
  ['ServerException', `something went wrong with ${secretAccessKey.slice(3, 20)} and ${secretAccessKey.slice(18)}`],
  [`Code${secretAccessKey.replaceAll('/', '')}`, 'a code of its own'],
];

/** Whether twelve characters in a row of a secret are in a text. */
function tells(text: string, secret: string): boolean {
  for (let at = 0; at + 12 <= secret.length; at += 1) if (text.includes(secret.slice(at, at + 12))) return true;
  return false;
}

// Rule 17
describe('what AWS repeats of a call', () => {
  const world = useWorld();
  const clock = createTravelClock();
  let operator: RunningOperator;
  let namespace = '';
  let path = '';

  before(async () => {
    world.aws.addKey(SESSION);
    namespace = await world.api.createNamespace();
    path = NAMESPACED_PATH(namespace, 'login');
    operator = await world.startOperator({ clock });
  });
  after(async () => {
    await operator.stop();
  });
  afterEach(async () => {
    world.aws.faults.clear();
    await world.api.send('DELETE', path);
    await operator.idle();
  });

  const keysIn = async (name: string, keys: Readonly<Record<string, string>>): Promise<void> => {
    await world.api.must('POST', SECRET_PATH(namespace), { metadata: { name }, stringData: keys });
  };
  const message = async (name: string): Promise<string> => {
    await createPullSecret(world.api, namespace, 'login', {
      awsAccess: { region: 'eu-west-1', secretRef: { name } },
    });
    const status = await world.status(path, (found) => conditionOf(found, 'Ready')?.status === 'False');
    return JSON.stringify(status);
  };

  for (const [index, [code, words]] of WORDS.entries()) {
    test(`is hidden in the answer ${code.slice(0, 30)}, the ${index + 1}. of its kind`, async () => {
      const name = `keys-${index}`;
      await keysIn(name, {
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        AWS_SESSION_TOKEN: sessionToken,
      });
      world.aws.faults.failWhile(() => true, { op: 'error', status: 400, code, message: words });
      const told = await message(name);
      for (const secret of [secretAccessKey, sessionToken, accessKeyId])
        for (const form of [secret, base64(secret), encodeURIComponent(secret)]) assert.ok(!tells(told, form), told);
      for (const piece of ['AWS4-HMAC', 'Signature=', 'SignedHeaders=', 'Credential=', 'aws4_request'])
        assert.ok(!told.includes(piece), told);
    });
  }

  test("cannot be keys in each other's place: AWS is not asked", async () => {
    world.aws.clearLog();
    await keysIn('swapped', { AWS_ACCESS_KEY_ID: secretAccessKey, AWS_SECRET_ACCESS_KEY: GOOD_KEY.accessKeyId });
    const told = await message('swapped');
    assert.match(told, /has accessKeyId and secretAccessKey in each other's place/);
    assert.equal(world.aws.calls(), 0);
  });

  test('cannot be another value of a secret: the user who names it learns only which shape it lacks', async () => {
    world.aws.clearLog();
    const password = 'correct horse battery staple';
    const values = [password, password.replaceAll(' ', '-'), '12345678', 'x'.repeat(300), `${password}\n`];
    const told = new Set<string>();
    for (const [index, value] of values.entries()) {
      await keysIn(`other-${index}`, { password: value, AWS_SECRET_ACCESS_KEY: secretAccessKey });
      const awsAccess = {
        region: 'eu-west-1',
        secretRef: { name: `other-${index}`, keys: { accessKeyId: 'password' } },
      };
      await createPullSecret(world.api, namespace, 'login', { awsAccess });
      const status = await world.status(path, (found) => conditionOf(found, 'Ready')?.status === 'False');
      told.add(conditionOf(status, 'Ready')?.message.replace(`other-${index}`, 'NAME') ?? '');
      await world.api.must('DELETE', path);
      await operator.idle();
    }
    const begin = `login to eu-west-1: secret NAME in namespace ${namespace} has a key password`;
    assert.deepEqual(
      [...told].sort(),
      [
        `${begin} of over 256 characters, which no key of AWS has`,
        `${begin} that holds white space or characters that no key has`,
        `${begin} that is no access key id (16 to 128 capital letters and digits, such as AKIA…)`,
      ].sort((one, other) => (one < other ? -1 : 1)),
    );
    assert.equal(world.aws.calls(), 0);
  });
});
