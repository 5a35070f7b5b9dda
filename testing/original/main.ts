// Plays the Go project's operator, which cannot be built here: the same reads and writes at the same times, none of its
// code. Flags as in the pod of test/chart/original-release.ts. `POST /renew` on the probes' port expires every login.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { listen } from '../../src/http/server.ts';
import { createTestApi } from '../api-server/test-api.ts';
import { createRenewals } from './renewals.ts';
import { serveWebhook } from './webhook.ts';

const { values } = parseArgs({
  options: { 'probe-port': { type: 'string' }, 'webhook-port': { type: 'string' }, 'cert-dir': { type: 'string' } },
});
const folder = process.env['ECR_OPERATOR_SERVICE_ACCOUNT_FOLDER'] ?? '';
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
const server = {
  url: `https://${host}:${port}`,
  certificateAuthority: readFileSync(`${folder}/ca.crt`, 'utf8'),
  token: readFileSync(`${folder}/token`, 'utf8'),
};

const renewals = createRenewals(server, (line) => void process.stdout.write(`the Go project: ${line}\n`));
if (values['webhook-port'] && values['cert-dir'])
  await serveWebhook(createTestApi(server), Number(values['webhook-port']), values['cert-dir']);
const probes = createServer((request, response) => {
  if (request.url === '/renew') renewals.renewAll();
  response.end('ok');
});
await listen(probes, { host: '127.0.0.1', port: Number(values['probe-port']) });
await renewals.start();
