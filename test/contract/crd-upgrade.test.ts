// An object stored under the Go project's CRDs stays writable under the new ones: a label, a status, and an improved
// spec.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { API_VERSION, CLUSTER_KIND, GROUP, NAMESPACED_KIND } from '../../src/api/names.ts';
import { installCrds } from '../../testing/api-server/install-crds.ts';
import { adminOf, eventually, type TestApi } from '../../testing/api-server/test-api.ts';
import { type ControlPlane, startControlPlane } from '../../testing/control-plane/control-plane.ts';
import { CLUSTER_PATH, NAMESPACED_PATH } from '../../testing/operator/world.ts';
import { ORIGINAL_CRDS } from './original-crds.ts';
import { FULL_STATUS } from './specs.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const KEYS = { accessKeyId: base64('AKIATESTGOODKEY00001'), secretAccessKey: base64('k'.repeat(40)) };
const awsAccess = { region: 'eu-west-1', ...KEYS };
const spec = { awsAccess, secretName: 'ecr-login', namespaces: ['ns1'] };
const LEGACY_PATH = (name = ''): string => `/apis/${GROUP}/v1alpha1/awsecrcredentials${name && `/${name}`}`;

/** Specs that the Go project accepted, by the name of their object. */
const STORED: Readonly<Record<string, object>> = {
  plain: spec,
  'repeated-namespaces': { ...spec, namespaces: ['a', 'b', 'a', 'a'] },
  'many-namespaces': { ...spec, namespaces: Array.from({ length: 1_500 }, (_, index) => `team-${index % 1_400}`) },
  'more-namespaces-than-we-take': { ...spec, namespaces: Array.from({ length: 10_500 }, (_, index) => `n${index}`) },
  'odd-region': { ...spec, awsAccess: { ...awsAccess, region: 'EU (Ireland)' } },
  'empty-region': { ...spec, awsAccess: { ...awsAccess, region: '' } },
  'long-region': { ...spec, awsAccess: { ...awsAccess, region: 'r'.repeat(100) } },
  'empty-keys': { ...spec, awsAccess: { region: 'eu-west-1', accessKeyId: '', secretAccessKey: '' } },
  'long-keys': { ...spec, awsAccess: { ...awsAccess, secretAccessKey: 'k'.repeat(1_000) } },
  'odd-secret-name': { ...spec, secretName: 'Ecr_Login' },
  'odd-namespaces': { ...spec, namespaces: ['Bad_Name', '', '*', 'a/b', 'n'.repeat(100)] },
};

/** As the Go project wrote it. */
const ORIGINAL_STATUS = {
  conditions: [
    {
      type: 'Ready',
      status: 'True',
      reason: 'SecretsUpdated',
      lastTransitionTime: '2023-10-04T20:45:52Z',
      message:
        'AWS ECR secret with type kubernetes.io/dockerconfigjson have been created/updated successfully in namespaces: [ns1] next update at: 2023-10-05 08:45:52.269 +0000 UTC',
    },
  ],
};

describe("an object stored under the Go project's CRDs", () => {
  let plane: ControlPlane;
  let api: TestApi;

  before(async () => {
    plane = await startControlPlane();
    api = adminOf(plane);
    for (const crd of ORIGINAL_CRDS)
      await api.must('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd);
    await eventually(async () => ((await api.get(LEGACY_PATH())).status === 200 ? true : undefined), 30_000);
    for (const [name, spec] of Object.entries(STORED)) {
      await create(CLUSTER_PATH(), { apiVersion: API_VERSION, kind: CLUSTER_KIND, metadata: { name }, spec });
      await api.merge(`${CLUSTER_PATH(name)}/status`, { status: ORIGINAL_STATUS });
      await create(NAMESPACED_PATH('default'), {
        apiVersion: API_VERSION,
        kind: NAMESPACED_KIND,
        metadata: { name },
        spec,
      });
    }
    const legacy = { apiVersion: `${GROUP}/v1alpha1`, kind: 'AWSECRCredential', metadata: { name: 'legacy' }, spec };
    await create(LEGACY_PATH(), legacy);
    await installCrds(api);
    // The new CRDs are in force when the API server refuses a new object of an odd region.
    const odd = { apiVersion: API_VERSION, kind: CLUSTER_KIND, metadata: { name: 'x' }, spec: STORED['odd-region'] };
    for (const path of [CLUSTER_PATH(), NAMESPACED_PATH('default')])
      await eventually(async () => {
        const kind = path.includes('cluster') ? CLUSTER_KIND : NAMESPACED_KIND;
        const { status } = await api.send('POST', `${path}?dryRun=All`, { ...odd, kind });
        return status === 422 ? true : undefined;
      }, 30_000);
  });
  after(async () => {
    await plane.stop();
  });

  /** A new kind answers 404 to a creation for a moment after its first list. */
  const create = (path: string, body: object): Promise<true> =>
    eventually(async () => {
      const { status } = await api.send('POST', path, body);
      return status === 201 || status === 409 ? true : undefined;
    }, 20_000);

  for (const [name, stored] of Object.entries(STORED)) {
    test(`takes a label and the status of the operator: ${name}`, async () => {
      for (const path of [CLUSTER_PATH(name), NAMESPACED_PATH('default', name)]) {
        const labelled = await api.merge(path, { metadata: { labels: { seen: 'yes' } } });
        assert.equal(labelled.metadata.labels.seen, 'yes');
        const written = await api.merge(`${path}/status`, { status: FULL_STATUS });
        assert.deepEqual(written.status, FULL_STATUS);
        assert.equal(written.metadata.generation, 1);
      }
      const { body } = await api.get(CLUSTER_PATH(name));
      assert.deepEqual(body.spec, stored);
    });
  }

  test('shows the status that the Go project wrote', async () => {
    const path = CLUSTER_PATH('plain');
    await api.merge(`${path}/status`, { status: { ...nothing(FULL_STATUS), ...ORIGINAL_STATUS } });
    assert.deepEqual((await api.get(path)).body.status, ORIGINAL_STATUS);
  });

  test('may be corrected, but not changed for another mistake', async () => {
    const change = (region: string) =>
      api.send(
        'PATCH',
        CLUSTER_PATH('odd-region'),
        { spec: { awsAccess: { region } } },
        'application/merge-patch+json',
      );
    assert.equal((await change('US (Ohio)')).status, 422);
    assert.equal((await change('us-east-2')).status, 200);
    const shorter = { spec: { namespaces: ['a', 'a', 'b'] } };
    await api.merge(CLUSTER_PATH('more-namespaces-than-we-take'), shorter);
  });

  test('takes another manifest of the Go project by re-applying it', async () => {
    const manifest = { apiVersion: API_VERSION, kind: CLUSTER_KIND, metadata: { name: 'many-namespaces' } };
    const path = `${CLUSTER_PATH('many-namespaces')}?fieldManager=kubectl&force=true`;
    const body = { ...manifest, spec: STORED['many-namespaces'] };
    const { spec: applied } = await api.must('PATCH', path, body, 'application/apply-patch+yaml');
    assert.deepEqual(applied, STORED['many-namespaces']);
  });

  test('is still read in the deprecated version', async () => {
    const { status, body } = await api.get(LEGACY_PATH('legacy'));
    assert.equal(status, 200);
    assert.deepEqual(body.spec, spec);
  });
});

/** A merge patch that removes every field of `status`. */
function nothing(status: object): Record<string, null> {
  return Object.fromEntries(Object.keys(status).map((name) => [name, null]));
}
