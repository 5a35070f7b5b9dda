// The examples in the documentation: objects that the API server accepts, policies that are JSON, links that lead
// somewhere.

import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, describe, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { GROUP, REASON } from '../../src/api/names.ts';
import { recordOf, stringOf } from '../../src/lib/json.ts';
import { CLUSTER_PATH, NAMESPACED_PATH, useWorld } from '../../testing/operator/world.ts';

const PAGES = globSync(['*.md', '{docs,examples,.github}/**/*.md']).sort();

interface Block {
  readonly page: string;
  readonly text: string;
}

function blocks(language: string): readonly Block[] {
  const fence = new RegExp(`^ *\`\`\`${language}\\n(.*?)^ *\`\`\`$`, 'gms');
  return PAGES.flatMap((page) =>
    [...readFileSync(page, 'utf8').matchAll(fence)].map(([, text = '']) => ({ page, text })),
  );
}

describe('the documentation', () => {
  const world = useWorld();
  before(async () => {
    const created = await world.api.send('POST', '/api/v1/namespaces', { metadata: { name: 'shop' } });
    assert.ok([201, 409].includes(created.status));
  });

  test('has objects that the API server takes as they stand', async () => {
    const objects = blocks('yaml').flatMap(({ page, text }) =>
      parseAllDocuments(text)
        .map((document) => recordOf(document.toJS()))
        .filter(({ apiVersion }) => stringOf(apiVersion)?.startsWith(`${GROUP}/`))
        .map((object) => ({ page, object })),
    );
    assert.ok(objects.length >= 7, `${objects.length} objects`);
    for (const { page, object } of objects) {
      const namespace = stringOf(recordOf(object['metadata'])['namespace']);
      const path = namespace === undefined ? CLUSTER_PATH() : NAMESPACED_PATH(namespace);
      const reply = await world.api.send('POST', `${path}?dryRun=All&fieldValidation=Strict`, object);
      assert.equal(reply.status, 201, `${page}: ${String(reply.body.message)}`);
    }
  });

  test('says what every reason means', () => {
    const page = readFileSync('docs/status.md', 'utf8');
    for (const reason of Object.values(REASON)) assert.ok(page.includes(`\`${reason}\``), reason);
  });

  test('has policies that are JSON and allow something', () => {
    const policies = blocks('json');
    assert.ok(policies.length >= 7, `${policies.length} policies`);
    for (const { page, text } of policies) {
      const policy = JSON.parse(text) as { Version: string; Statement: { Effect: string; Action: unknown }[] };
      assert.equal(policy.Version, '2012-10-17', page);
      for (const { Effect, Action } of policy.Statement) assert.ok(Effect === 'Allow' && Action, page);
    }
  });

  test('has links that lead to a page or a file', () => {
    for (const page of PAGES) {
      const prose = readFileSync(page, 'utf8').replaceAll(/`[^`\n]*`/g, '');
      for (const [, target = ''] of prose.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g))
        assert.ok(existsSync(join(dirname(page), target)), `${page} -> ${target}`);
    }
  });
});
