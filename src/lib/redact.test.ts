// Covers the redaction: no key or token passes in any of its forms, and all other text does, unchanged.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assert as assertProperty, constantFrom, nat, property, stringMatching } from 'fast-check';
import { base64, KEY_ID, SECRET_KEY } from '../../testing/rigs/builders.ts';
import { digest } from './digest.ts';
import { redact } from './redact.ts';

/** Long base64 as AWS returns it: an ECR password and a session token, made up. */
const LONG = base64('{"payload":"VGhpcyBpcyBub3QgYSB0b2tlbiBidXQgaGFzIGl0cyBzaGFwZQ==","version":"2"}'.repeat(8));
const SESSION_TOKEN = `IQoJb3JpZ2luX2VjE${LONG}`;
const ECR_TOKEN = base64(`AWS:${LONG}`);
const DOCKER_CONFIG = base64(JSON.stringify({ auths: { 'a.example': { auth: ECR_TOKEN } } }));

const canaries: Readonly<Record<string, string>> = {
  'an access key id': KEY_ID,
  'a temporary access key id': `ASIA${KEY_ID.slice(4)}`,
  'a secret access key': SECRET_KEY,
  'a secret access key without a digit': 'wJalrXUtnFEMI/KxMDENG/bPxRfiCYEXAMPLEKEY',
  'a session token': SESSION_TOKEN,
  'an ECR password': LONG,
  'an ECR token': ECR_TOKEN,
  'a docker config': DOCKER_CONFIG,
  'a token in the alphabet of URLs': Buffer.from(LONG).toString('base64url'),
};

/** Contexts of a secret, its position marked by a percent sign and an S. */
const places: Readonly<Record<string, (text: string) => string>> = {
  alone: (text) => text,
  'in a sentence': (text) => `AWS says that ${text} is unknown, or expired`,
  'at the end of a sentence': (text) => `AWS does not know ${text}.`,
  'after an equals sign': (text) => `AWS_SECRET_ACCESS_KEY=${text}`,
  'in JSON': (text) => JSON.stringify({ key: text, other: 'value' }),
  'in quoted JSON': (text) => JSON.stringify(JSON.stringify({ key: text })),
  'in YAML': (text) => `  secretAccessKey: ${text}\n  region: eu-west-1\n`,
  'in an object as Node prints it': (text) => `{ key: '${text}' }`,
  'in brackets': (text) => `(${text}) [${text}] <${text}>`,
};

const forms: Readonly<Record<string, (text: string) => string>> = {
  plain: (text) => text,
  'as base64': base64,
  'encoded for a URL': encodeURIComponent,
  'as base64 encoded for a URL': (text) => encodeURIComponent(base64(text)),
};

// Rule 17
describe('the redaction hides', () => {
  for (const [what, canary] of Object.entries(canaries)) {
    for (const [how, form] of Object.entries(forms)) {
      test(`${what}, ${how}, wherever it stands`, () => {
        for (const [where, place] of Object.entries(places)) {
          const shown = redact(place(form(canary)));
          for (const leak of Object.values(forms)) assert.ok(!shown.includes(leak(canary)), `${where}: ${shown}`);
          assert.ok(shown.includes('[redacted]'), where);
        }
      });
    }

    test(`${what} in JSON or a query that is encoded for a URL`, () => {
      for (const text of [
        encodeURIComponent(JSON.stringify({ key: canary })),
        `a=b&key%3D${encodeURIComponent(canary)}&c=d`,
      ]) {
        const shown = redact(text);
        assert.ok(!shown.includes(encodeURIComponent(canary)), shown);
        assert.ok(!shown.includes(canary), shown);
      }
    });
  }

  test('both keys of a pair, and leaves the words around them', () => {
    assert.equal(
      redact(`id ${KEY_ID}, secret ${SECRET_KEY}; region eu-west-1`),
      'id [redacted], secret [redacted]; region eu-west-1',
    );
  });

  test('the key id in the credential of a signature', () => {
    const header = `AWS4-HMAC-SHA256 Credential=${KEY_ID}/20231005/eu-west-1/ecr/aws4_request, SignedHeaders=host`;
    assert.ok(!redact(header).includes(KEY_ID));
  });

  test('a pair that was encoded as one', () => {
    const shown = redact(`Basic ${base64(`${KEY_ID}:${SECRET_KEY}`)}`);
    assert.equal(shown, 'Basic [redacted]');
  });

  test('any pair of the shape that AWS hands out, in every form', () => {
    const id = stringMatching(/^(AKIA|ASIA)[A-Z0-9]{16}$/);
    const secret = stringMatching(/^[a-z][A-Z][A-Za-z0-9+/]{38}$/);
    assertProperty(
      property(id, secret, constantFrom(...Object.values(forms)), (keyId, secretKey, form) => {
        assert.equal(redact(`${form(keyId)} ${form(secretKey)}`), '[redacted] [redacted]');
      }),
      { numRuns: 500 },
    );
  });
});

describe('the redaction leaves unchanged', () => {
  const ordinary: Readonly<Record<string, string>> = {
    'a sentence': 'The secret ecr-login already exists in namespace team-a; it is left alone: delete it, or rename it.',
    'an ARN':
      'User: arn:aws:iam::111122223333:user/ContinuousIntegration is not authorized to perform: ecr:GetAuthorizationToken',
    'an ARN whose role has a name of 35 letters': `arn:aws:iam::111122223333:role/${'PullerOfTheImages'.padEnd(35, 'xY')}`,
    'an ARN of an assumed role': 'arn:aws-us-gov:sts::111122223333:assumed-role/Puller/kube-ecr-secrets-operator',
    'the longest name of a namespace': 'n0'.repeat(31),
    'the longest name of a secret': `${'a1-'.repeat(84)}z`,
    'a namespace and a name, both as long as they can be': `${'n0'.repeat(31)}/${'a1-'.repeat(84)}z`,
    'a uid': '7f6f6f0a-0b1c-4d2e-8f3a-0123456789ab',
    'a digest of ours': digest('a', 'b'),
    'a whole SHA-256': 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'a commit': 'a94a8fe5ccb19ba61c4c0873d391e987982fbbd3',
    'a commit in an address': 'https://github.com/Owner/Repo/commit/a94a8fe5ccb19ba61c4c0873d391e987982fbbd3?W=1',
    'a time': '2023-10-05T08:45:52Z 2023-10-05T08:45:52.269000Z 2023-10-05 08:45:52.269 +0000 UTC',
    'an image': '111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/service:v1.2.3',
    'a path of exactly 40 characters': 'GET /api/v1/namespaces/default/secrets/login?fieldManager=X failed',
    'a path of an object':
      '/apis/aws.zakariaamine.com/v1alpha2/namespaces/default/clusterawsecrimagepullsecrets/a/status',
    'the path of the token of a service account': '/var/run/secrets/kubernetes.io/serviceaccount/token',
    'the message of the Go project':
      'AWS ECR secret with type kubernetes.io/dockerconfigjson have been created/updated successfully in namespaces: [ns1 ns2]',
    'the name of a kind': 'ClusterAWSECRImagePullSecret AWSECRImagePullSecret ValidatingAdmissionPolicyBinding',
    'codes of AWS': 'MissingAuthenticationTokenException UnrecognizedClientException ThrottlingException',
    'a ruler': '-'.repeat(120),
    'names of keys': 'has no key AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN',
    nothing: '',
  };
  for (const [what, text] of Object.entries(ordinary)) test(what, () => assert.equal(redact(text), text));

  test('any name that Kubernetes allows, any digest and any uid', () => {
    const name = stringMatching(/^[a-z0-9][-a-z0-9.]{0,251}[a-z0-9]$/);
    assertProperty(
      property(name, name, nat(), (one, other, seed) => {
        const text = `secret ${one}/${other} ${digest(one, String(seed))}: no such host`;
        assert.equal(redact(text), text);
      }),
      { numRuns: 300 },
    );
  });
});
