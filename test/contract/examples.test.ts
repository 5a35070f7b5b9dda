// Every file of examples/, applied to a real API server as it stands.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { applyObjects, type Manifest } from '../../testing/api-server/apply.ts';
import { ARGO_CD, FLUX_SOURCES, installForeignCrds, KYVERNO } from '../../testing/api-server/foreign-crds.ts';
import { useWorld } from '../../testing/operator/world.ts';

const FILES = globSync('examples/*.yaml').sort();
/** Kinds whose CRDs are in no Go module; the file was compared with them by hand. */
const NOT_APPLIED: readonly string[] = ['helm.toolkit.fluxcd.io/v2 HelmRelease'];
const NAMESPACES = ['shop', 'argocd', 'flux-system'];

const manifestsIn = (file: string): readonly Manifest[] =>
  parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as Manifest);

describe('the examples', () => {
  const world = useWorld();
  const removals: (() => Promise<void>)[] = [];
  /** Groups whose CRDs are not here: they come with Go. */
  const unknown = new Set<string>();
  before(async () => {
    for (const name of NAMESPACES) await world.api.send('POST', '/api/v1/namespaces', { metadata: { name } });
    for (const source of [ARGO_CD, FLUX_SOURCES, KYVERNO]) {
      const remove = await installForeignCrds(world.api, source);
      if (remove) removals.push(remove);
      else unknown.add(source.group);
    }
  });
  after(async () => {
    for (const remove of removals) await remove();
  });

  for (const file of FILES) {
    test(`${file} is taken by the API server, with every field it knows`, async (t) => {
      const objects = manifestsIn(file);
      const applied = objects.filter(({ apiVersion, kind }) => !NOT_APPLIED.includes(`${apiVersion} ${kind}`));
      assert.ok(applied.length > 0);
      const missing = applied.find(({ apiVersion }) => unknown.has(apiVersion.split('/')[0] ?? ''));
      if (missing) return t.skip(`the CRD of ${missing.kind} is fetched with Go, which is not here`);
      await applyObjects(world.api, applied);
    });
  }

  test('are all listed on their page', () => {
    const page = readFileSync('examples/README.md', 'utf8');
    const listed = [...page.matchAll(/^\| \[(\S+)\]/gm)].map(([, name]) => `examples/${name}`);
    assert.deepEqual(listed.toSorted(), FILES);
  });

  test('that install the chart name its version', () => {
    const { version } = parse(readFileSync('charts/kube-ecr-secrets-operator/Chart.yaml', 'utf8')) as {
      version: string;
    };
    assert.match(readFileSync('examples/argocd.yaml', 'utf8'), new RegExp(`targetRevision: ${version}$`, 'm'));
    assert.match(readFileSync('examples/flux.yaml', 'utf8'), new RegExp(`semver: \\^${version.split('.')[0]}\\.`, 'm'));
  });
});
