// An object that names no identity never gets the operator's own, whatever lies around it: with schema validation off.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import crds from '../../src/api/crds.generated.json' with { type: 'json' };
import { API_VERSION, CLUSTER_KIND, NAMESPACED_KIND } from '../../src/api/names.ts';
import { systemClock } from '../../src/lib/time.ts';
import { untilServed } from '../../testing/api-server/install-crds.ts';
import { adminOf, eventually, type TestApi } from '../../testing/api-server/test-api.ts';
import { type AwsStandIn, startAwsStandIn } from '../../testing/aws/aws-stand-in.ts';
import { type MetadataStandIn, startMetadataStandIn } from '../../testing/aws/metadata.ts';
import { type ControlPlane, startControlPlane } from '../../testing/control-plane/control-plane.ts';
import { accessTo } from '../../testing/operator/plane-access.ts';
import {
  CLUSTER_PATH,
  GOOD_KEY,
  NAMESPACED_PATH,
  type RunningOperator,
  startInProcess,
} from '../../testing/operator/world.ts';

const AMBIENT_KEY = { ...GOOD_KEY, accessKeyId: 'AKIATESTAMBIENT00001' };

/** `spec.awsAccess` without an identity, or with one that cannot be used. */
const ACCESSES: Readonly<Record<string, object>> = {
  none: {},
  'empty-keys': { accessKeyId: '', secretAccessKey: '' },
  'blank-keys': { accessKeyId: ' ', secretAccessKey: '\t\n' },
  'null-keys': { accessKeyId: null, secretAccessKey: null },
  'half-a-pair': { accessKeyId: GOOD_KEY.accessKeyId },
  'the-other-half': { secretAccessKey: GOOD_KEY.secretAccessKey },
  'half-empty': { accessKeyId: GOOD_KEY.accessKeyId, secretAccessKey: '' },
  'keys-that-are-no-text': { accessKeyId: 1, secretAccessKey: ['x'] },
  misspelt: { secretref: { name: 'aws-keys' }, Ambient: {} },
  'empty-reference': { secretRef: {} },
  'reference-without-a-name': { secretRef: { name: '' } },
  'reference-to-nothing': { secretRef: { name: 'there-is-none' } },
  'empty-account': { serviceAccountRef: {} },
  'account-without-a-role': { serviceAccountRef: { name: 'default' } },
  'account-with-an-empty-role': { serviceAccountRef: { name: 'default', roleArn: '' } },
  'only-a-role': { assumeRole: { roleArn: 'arn:aws:iam::111122223333:role/x' } },
  'ambient-beside-keys': { ambient: {}, accessKeyId: GOOD_KEY.accessKeyId, secretAccessKey: GOOD_KEY.secretAccessKey },
  'ambient-that-is-no-object': { ambient: true },
  'ambient-that-is-null': { ambient: null },
};

/** The CRDs, but for their rules about the spec. */
function withoutValidation(crd: (typeof crds)[number]): object {
  const versions = crd.spec.versions.map((version) => {
    const { properties, ...schema } = version.schema.openAPIV3Schema;
    const spec = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    return { ...version, schema: { openAPIV3Schema: { ...schema, properties: { ...properties, spec } } } };
  });
  return { ...crd, spec: { ...crd.spec, versions } };
}

describe("the operator's own identity", () => {
  const saved = { ...process.env };
  const folder = mkdtempSync(join(tmpdir(), 'ambient-'));
  let plane: ControlPlane;
  let api: TestApi;
  let aws: AwsStandIn;
  let metadata: MetadataStandIn;
  let operator: RunningOperator;

  before(async () => {
    plane = await startControlPlane();
    api = adminOf(plane);
    for (const crd of crds)
      await api.must('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', withoutValidation(crd));
    await Promise.all(crds.map((crd) => untilServed(api, crd)));
    aws = await startAwsStandIn({ accounts: [AMBIENT_KEY, GOOD_KEY] });
    metadata = await startMetadataStandIn();
    const token = join(folder, 'token');
    writeFileSync(token, 'a token');
    Object.assign(process.env, {
      AWS_ENDPOINT_URL: aws.url,
      AWS_ACCESS_KEY_ID: AMBIENT_KEY.accessKeyId,
      AWS_SECRET_ACCESS_KEY: AMBIENT_KEY.secretAccessKey,
      AWS_WEB_IDENTITY_TOKEN_FILE: token,
      AWS_ROLE_ARN: 'arn:aws:iam::111122223333:role/ambient',
      AWS_CONTAINER_CREDENTIALS_FULL_URI: metadata.agentUrl,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: token,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: metadata.instanceUrl,
    });
    operator = await startInProcess(accessTo(plane, plane.adminToken), systemClock);
  });
  after(async () => {
    await operator.stop();
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
    Object.assign(process.env, saved);
    await metadata.stop();
    await aws.stop();
    await plane.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const refused = async (path: string): Promise<string> =>
    await eventually(async () => {
      const { status } = await api.must('GET', path);
      const ready = status?.conditions?.find(({ type }: { type: string }) => type === 'Ready');
      return ready?.status === 'False' ? (ready.message as string) : undefined;
    });

  // Rule 16
  test('is used by no object that does not ask for it, with whatever it names instead', async () => {
    const paths: string[] = [];
    for (const [name, access] of Object.entries(ACCESSES)) {
      const spec = { awsAccess: { region: 'eu-west-1', ...access }, secretName: name, namespaces: ['default'] };
      const object = { apiVersion: API_VERSION, metadata: { name }, spec };
      await api.must('POST', CLUSTER_PATH(), { ...object, kind: CLUSTER_KIND });
      await api.must('POST', NAMESPACED_PATH('default'), { ...object, kind: NAMESPACED_KIND });
      paths.push(CLUSTER_PATH(name), NAMESPACED_PATH('default', name));
    }
    const awsAccess = { region: 'eu-west-1', ambient: {} };
    const object = { apiVersion: API_VERSION, metadata: { name: 'asks' }, spec: { awsAccess, secretName: 'asks' } };
    await api.must('POST', NAMESPACED_PATH('default'), { ...object, kind: NAMESPACED_KIND });
    for (const path of [...paths, NAMESPACED_PATH('default', 'asks')]) assert.match(await refused(path), /\S/, path);
    assert.equal(
      await refused(NAMESPACED_PATH('default', 'asks')),
      "spec.awsAccess.ambient, the operator's own identity, is for the cluster kind only",
    );
    assert.deepEqual([aws.requests, metadata.requests], [[], []]);
  });

  test('is used by an object of the cluster kind that asks for it', async () => {
    const spec = { awsAccess: { region: 'eu-west-1', ambient: {} }, secretName: 'asks', namespaces: ['default'] };
    const object = { apiVersion: API_VERSION, kind: CLUSTER_KIND, metadata: { name: 'asks' }, spec };
    await api.must('POST', CLUSTER_PATH(), object);
    await eventually(() => (aws.calls(({ status }) => status === 200) > 0 ? true : undefined));
    assert.deepEqual(
      aws.requests.map(({ accessKeyId }) => accessKeyId),
      [AMBIENT_KEY.accessKeyId],
    );
  });
});
