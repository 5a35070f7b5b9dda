// Kustomize, with the component of this project: it renames what objects of the operator refer to, and the API server
// takes the result.

import assert from 'node:assert/strict';
import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments, stringify } from 'yaml';
import { API_VERSION, CLUSTER_KIND, NAMESPACED_KIND } from '../../src/api/names.ts';
import { applyObjects, type Manifest } from '../../testing/api-server/apply.ts';
import { useWorld } from '../../testing/operator/world.ts';
import { makeTemporaryFolder } from '../../testing/process/temporary-folder.ts';
import { kustomizeBuild } from '../../testing/tools/kustomize/kustomize.ts';

const COMPONENT = fileURLToPath(new URL('../../gitops/kustomize', import.meta.url));

const pullSecret = (kind: string, name: string, identity: object, spec: object = {}): object => ({
  apiVersion: API_VERSION,
  kind,
  metadata: { name },
  spec: { awsAccess: { region: 'eu-west-1', ...identity }, secretName: 'ecr-login', ...spec },
});
const BY_KEYS = { secretRef: { name: 'aws-keys' } };
const BY_ACCOUNT = { serviceAccountRef: { name: 'puller' } };
const OBJECTS = [
  pullSecret(NAMESPACED_KIND, 'keys', BY_KEYS),
  pullSecret(NAMESPACED_KIND, 'account', BY_ACCOUNT, { secretName: 'offered' }),
  pullSecret(CLUSTER_KIND, 'cluster-keys', BY_KEYS, { namespaces: ['shop'] }),
  pullSecret(CLUSTER_KIND, 'cluster-account', BY_ACCOUNT, { namespaces: ['shop'], secretName: 'offered' }),
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'puller' } },
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'offered' },
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': 'e30=' },
  },
];

type Built = Manifest & {
  readonly spec: {
    readonly awsAccess: Readonly<Record<'secretRef' | 'serviceAccountRef', { readonly name: string } | undefined>>;
    readonly secretName: string;
  };
};

/** What is built from the objects above. */
async function build(settings: object): Promise<readonly Built[]> {
  const folder = makeTemporaryFolder('kustomize');
  cpSync(COMPONENT, join(folder, 'component'), { recursive: true });
  const app = join(folder, 'app');
  mkdirSync(app);
  copyFileSync(join(COMPONENT, 'names.yaml'), join(app, 'names.yaml'));
  const common = {
    namespace: 'shop',
    namePrefix: 'prod-',
    resources: ['objects.yaml'],
    secretGenerator: [{ name: 'aws-keys', literals: ['AWS_ACCESS_KEY_ID=a', 'AWS_SECRET_ACCESS_KEY=b'] }],
  };
  writeFileSync(join(app, 'kustomization.yaml'), stringify({ ...common, ...settings }));
  writeFileSync(join(app, 'objects.yaml'), OBJECTS.map((object) => stringify(object)).join('---\n'));
  return parseAllDocuments(await kustomizeBuild(app)).map((document) => document.toJS() as Built);
}

describe('Kustomize', () => {
  const world = useWorld();
  before(async () => void (await world.api.send('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } })));
  const references = (objects: readonly Built[]): object =>
    Object.fromEntries(
      objects
        .filter(({ apiVersion }) => apiVersion === API_VERSION)
        .map(({ metadata, spec: { awsAccess, secretName } }) => [
          metadata.name.replace(/^prod-/, ''),
          [(awsAccess.secretRef ?? awsAccess.serviceAccountRef)?.name, secretName],
        ]),
    );

  for (const [how, settings] of [
    ['with the component', { components: ['../component'] }],
    ['with its file of names', { configurations: ['names.yaml'] }],
  ] as const) {
    test(`renames Secrets and accounts in both kinds ${how}, and the API server takes the objects`, async () => {
      const objects = await build(settings);
      const keys = objects.find(({ metadata }) => metadata.name.startsWith('prod-aws-keys-'))?.metadata.name;
      assert.ok(keys);
      assert.deepEqual(references(objects), {
        keys: [keys, 'ecr-login'],
        account: ['prod-puller', 'prod-offered'],
        'cluster-keys': [keys, 'ecr-login'],
        'cluster-account': ['prod-puller', 'prod-offered'],
      });
      await applyObjects(world.api, objects);
    });
  }

  test('renames none of them without, so that the tests above prove something', async () => {
    assert.deepEqual(references(await build({})), {
      keys: ['aws-keys', 'ecr-login'],
      account: ['puller', 'offered'],
      'cluster-keys': ['aws-keys', 'ecr-login'],
      'cluster-account': ['puller', 'offered'],
    });
  });
});
