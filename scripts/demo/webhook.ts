// The step that shows the webhook: what it says when objects are applied. It is taken away again, since it is no gate.

import { API_VERSION, GROUP, VERSION } from '../../src/api/names.ts';
import { type ApiReply, eventually } from '../../testing/api-server/test-api.ts';
import { CONFIGURATION_PATH, webhookConfiguration } from '../../testing/operator/webhook-configuration.ts';
import { show } from './show.ts';
import { KEY, NAMESPACE, type Stage, WEBHOOK_NAME } from './stage.ts';

const OBJECTS = `/apis/${GROUP}/${VERSION}/namespaces/${NAMESPACE}/awsecrimagepullsecrets`;

/** What the API server says to an object with this key, which it does not keep. */
async function apply({ api }: Stage, secretAccessKey: string, query = ''): Promise<ApiReply> {
  const awsAccess = { region: 'eu-west-1', accessKeyId: KEY.id, secretAccessKey };
  const reply = await api.send('POST', `${OBJECTS}${query}`, {
    apiVersion: API_VERSION,
    kind: 'AWSECRImagePullSecret',
    metadata: { name: 'applied' },
    spec: { awsAccess, secretName: 'applied' },
  });
  if (reply.status === 201 && query === '') await api.must('DELETE', `${OBJECTS}/applied`);
  return reply;
}

/** Returns when the webhook judges. */
export async function setUpWebhook(stage: Stage): Promise<void> {
  await stage.api.must('POST', CONFIGURATION_PATH(), webhookConfiguration(WEBHOOK_NAME, [stage.webhookPort]));
  // A key with white space is refused without a question to AWS, once the API server trusts the certificate.
  await eventually(async () => ((await apply(stage, 'a b', '?dryRun=All')).status === 403 ? true : undefined), 20_000);
}

/** @returns what was seen; throws when it was not */
export async function showWebhook(stage: Stage): Promise<string> {
  await setUpWebhook(stage);
  const wrong = await apply(stage, 'x'.repeat(40));
  const good = await apply(stage, KEY.secret);
  await stage.api.must('DELETE', CONFIGURATION_PATH(WEBHOOK_NAME));
  show.note('a wrong key:');
  show.block(`Error from server (Forbidden): ${String(wrong.body.message)}`);
  show.note('a good one, which is taken:');
  show.block(good.warnings.map((warning) => `Warning: ${warning}`).join('\n'));
  if (wrong.status !== 403 || good.status !== 201 || good.warnings.length === 0)
    throw new Error(`the answers were ${wrong.status} and ${good.status}`);
  return 'the webhook refused the wrong key in the words of AWS; nobody made a certificate for it by hand';
}
