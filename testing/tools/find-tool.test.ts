// Covers the source of a missing tool: its release, with a matching checksum, or else a build.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { listen } from '../../src/http/server.ts';
import { findTool, type Tool } from './find-tool.ts';

const WAYS_OUT =
  'Cannot find the thing: put thing on the path, or name it in THING, or install Go 1.25 or newer to build it, or get internet access to download it.';

describe('a tool that is not at hand', () => {
  const folder = mkdtempSync(join(tmpdir(), 'find-tool-'));
  const files = new Map<string, Buffer>();
  let server: Server;
  let url = '';

  before(async () => {
    mkdirSync(join(folder, 'linux'));
    writeFileSync(join(folder, 'linux', 'thing'), '#!/bin/sh\necho thing 1\n');
    chmodSync(join(folder, 'linux', 'thing'), 0o755);
    execFileSync('tar', ['-czf', join(folder, 'thing.tar.gz'), '-C', folder, 'linux/thing']);
    files.set('/thing.tar.gz', readFileSync(join(folder, 'thing.tar.gz')));
    server = createServer(({ url: path = '' }, response) => {
      const file = files.get(path);
      response.writeHead(file ? 200 : 404).end(file);
    });
    url = `http://127.0.0.1:${await listen(server, { host: '127.0.0.1', port: 0 })}`;
  });
  after(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const toolAt = (site: string | undefined): Tool => ({
    program: 'thing',
    title: 'the thing',
    version: '1.0.0',
    variable: 'THING',
    versionArgs: [],
    complaint: (says) => (says === 'thing 1\n' ? undefined : 'is no thing'),
    source: 'example.com/thing',
    linkerFlags: '',
    archive: () =>
      site === undefined
        ? undefined
        : { url: `${site}/thing.tar.gz`, checksums: `${site}/sums`, member: 'linux/thing' },
  });
  const find = (tool: Tool, name: string): Promise<string> =>
    findTool(tool, { env: { PATH: '', XDG_CACHE_HOME: join(folder, name) }, report: () => {} });

  test('is taken out of its release when the checksum fits, and then is in the cache', async () => {
    const sum = createHash('sha256')
      .update(files.get('/thing.tar.gz') ?? '')
      .digest('hex');
    files.set('/sums', Buffer.from(`${'0'.repeat(64)}  other.tar.gz\n${sum}  thing.tar.gz\n`));
    const found = await find(toolAt(url), 'good');
    assert.equal(execFileSync(found, { encoding: 'utf8' }), 'thing 1\n');
    assert.equal(await find(toolAt(undefined), 'good'), found);
  });

  test('is not taken when the checksum does not fit, and one sentence names the ways out', async () => {
    files.set('/sums', Buffer.from(`${'0'.repeat(64)}  thing.tar.gz\n`));
    await assert.rejects(find(toolAt(url), 'bad'), { message: WAYS_OUT });
  });

  test('that has no release and cannot be built is reported in the same way', async () => {
    await assert.rejects(find(toolAt(undefined), 'none'), { message: WAYS_OUT });
  });
});
