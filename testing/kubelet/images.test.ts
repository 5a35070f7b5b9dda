// Covers that the operator's image of the stories is the one that the Dockerfile describes.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { bundleFolderOf, configOf } from './images.ts';

const DOCKERFILE = readFileSync('Dockerfile', 'utf8');

test('the image has the user, entry point, command and ports of the Dockerfile', () => {
  assert.deepEqual(configOf(DOCKERFILE), {
    User: '65532:65532',
    Entrypoint: ['/nodejs/bin/node', '/kube-ecr-secrets-operator.cjs'],
    Cmd: ['run'],
    ExposedPorts: { '8080/tcp': {}, '8081/tcp': {} },
  });
  // The entry point is there, and its parts beside it.
  assert.equal(bundleFolderOf(DOCKERFILE), '');
});
