// The least that an operator in Node.js can be: it watches objects and pull Secrets, and for each new object it writes
// a Secret, a status and an Event, 32 requests in flight, with all that it learns thrown away. Runs as a process of its
// own (floor.ts), without imports of the project: what is measured is Node.js, its TLS and its HTTP client.

import { Agent, request } from 'node:https';

const { URL_OF_API = '', AUTHORITY: ca, AUTHORIZATION: authorization = '', CONTENT = '' } = process.env;
const GROUP = '/apis/aws.zakariaamine.com/v1alpha2';
const WATCHED = [
  `${GROUP}/awsecrimagepullsecrets`,
  `${GROUP}/clusterawsecrimagepullsecrets`,
  '/api/v1/namespaces',
  '/api/v1/secrets',
];
const agent = new Agent({ keepAlive: true, maxSockets: 32, ...(ca ? { ca } : {}) });
const accept = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';

interface Shown {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: { readonly secretName: string; readonly namespaces?: readonly string[] };
}

function send(method: string, path: string, body: object): Promise<void> {
  const text = JSON.stringify(body);
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const headers = { authorization, accept, 'content-type': type, 'content-length': Buffer.byteLength(text) };
  return new Promise((resolve, reject) => {
    const outgoing = request(`${URL_OF_API}${path}`, { method, agent, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        JSON.parse(Buffer.concat(chunks).toString());
        resolve();
      });
    });
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}

async function serve({ kind, metadata: { name, namespace }, spec }: Shown): Promise<void> {
  const places = spec?.namespaces ?? [namespace ?? ''];
  const secret = { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': CONTENT } };
  const metadata = { name: spec?.secretName, labels: { bench: 'floor' } };
  await Promise.all(
    places.map((place) => send('POST', `/api/v1/namespaces/${place}/secrets`, { ...secret, metadata })),
  );
  const kinds = namespace === undefined ? `${GROUP}/cluster` : `${GROUP}/namespaces/${namespace}/`;
  const conditions = [
    {
      type: 'Ready',
      status: 'True',
      reason: 'SecretsUpdated',
      message: 'x'.repeat(200),
      lastTransitionTime: new Date().toISOString(),
    },
  ];
  await send('PATCH', `${kinds}awsecrimagepullsecrets/${name}/status`, { status: { conditions } });
  const at = namespace ?? 'default';
  await send('POST', `/apis/events.k8s.io/v1/namespaces/${at}/events`, {
    metadata: { name: `${name}.${Math.random().toString(16).slice(2)}` },
    eventTime: new Date().toISOString().replace('Z', '000Z'),
    reportingController: 'floor',
    reportingInstance: 'floor',
    type: 'Normal',
    reason: 'SecretCreationSuccess',
    action: 'Create',
    note: 'x'.repeat(80),
    regarding: { kind, namespace, name },
  });
}

function watch(path: string): Promise<void> {
  const known = new Set<string>();
  let rest = '';
  return new Promise((resolve) => {
    const outgoing = request(
      `${URL_OF_API}${path}?watch=true`,
      { headers: { authorization }, ...(ca ? { ca } : {}) },
      (answer) => {
        resolve();
        answer.setEncoding('utf8').on('data', (text: string) => {
          const lines = (rest + text).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) {
            const { object } = JSON.parse(line) as { readonly object: Shown };
            const { metadata } = object;
            const key = `${metadata.namespace}/${metadata.name}`;
            if (known.has(key)) continue;
            known.add(key);
            if (path.startsWith(GROUP)) void serve(object);
          }
        });
      },
    );
    outgoing.end();
  });
}

await Promise.all(WATCHED.map(watch));
process.stdout.write('watching\n');
