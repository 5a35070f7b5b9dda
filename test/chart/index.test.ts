// The Go project's Helm repository with its last entry, as both Helms read it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { findFreePort } from '../../testing/control-plane/free-port.ts';
import { createHelm } from '../../testing/tools/helm/helm.ts';

const ENTRY = readFileSync(new URL('../../charts/last-index-entry.yaml', import.meta.url), 'utf8');
const CHART = 'oci://ghcr.io/zak905/charts/kube-ecr-secrets-operator:1.0.0';

describe('the last entry of the classic Helm repository', () => {
  let server: Server;
  let url = '';
  /** Where the registry would be; nobody listens there. */
  let registry = '';
  before(async () => {
    registry = `127.0.0.1:${await findFreePort()}`;
    assert.ok(ENTRY.includes(CHART));
    server = createServer(
      (_request, response) => void response.end(ENTRY.replaceAll('oci://ghcr.io', `oci://${registry}`)),
    );
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => void server.close());

  for (const major of [3, 4] as const) {
    test(`shows version 1.0.0 to Helm ${major}, which then asks the OCI registry for it`, async () => {
      const helm = await createHelm(major);
      await helm.must('repo', 'add', 'zakariaamine', url);
      const [found] = JSON.parse(await helm.must('search', 'repo', 'zakariaamine/', '--output', 'json'));
      assert.deepEqual([found.name, found.version], ['zakariaamine/kube-ecr-secrets-operator', '1.0.0']);
      const { code, stderr } = await helm.run('pull', 'zakariaamine/kube-ecr-secrets-operator');
      assert.equal(code, 1);
      assert.ok(stderr.includes(`${registry}/v2/zak905/charts/kube-ecr-secrets-operator/manifests/1.0.0`), stderr);
    });
  }
});
