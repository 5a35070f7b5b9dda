// Covers which endpoints of AWS the environment names, and which of them the SDK could not call.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { endpointMistakes, endpointOf } from './endpoints.ts';

describe('the endpoint of a service', () => {
  const ALL = 'https://all.example.com';
  const ECR = 'https://ecr.example.com';
  for (const [outcome, env, want] of [
    ['is that of AWS when nothing names one', {}, undefined],
    ['is that of AWS_ENDPOINT_URL', { AWS_ENDPOINT_URL: ALL }, ALL],
    ['is its own before that of all', { AWS_ENDPOINT_URL: ALL, AWS_ENDPOINT_URL_ECR: ECR }, ECR],
    ['is that of all when its own is empty', { AWS_ENDPOINT_URL: ALL, AWS_ENDPOINT_URL_ECR: '' }, ALL],
    ['is not that of another service', { AWS_ENDPOINT_URL_STS: ALL }, undefined],
    [
      'is that of AWS when they are to be ignored',
      { AWS_ENDPOINT_URL: ALL, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' },
      undefined,
    ],
  ] as const)
    test(outcome, () => assert.equal(endpointOf('ECR', env)?.origin, want));
});

describe('an endpoint without a scheme or a host', () => {
  const MISTAKE = 'is not https:// (or http://) and a host: give it like https://vpce.example.com';
  for (const [outcome, env, want] of [
    ['is a mistake, told by its variable', { AWS_ENDPOINT_URL: 'localstack:4566' }, ['AWS_ENDPOINT_URL']],
    [
      'is a mistake of each variable that has one',
      { AWS_ENDPOINT_URL_ECR: 'ecr.example.com', AWS_ENDPOINT_URL_STS: '"https://sts.example.com"' },
      ['AWS_ENDPOINT_URL_ECR', 'AWS_ENDPOINT_URL_STS'],
    ],
    ['is a mistake where only the scheme is there', { AWS_ENDPOINT_URL_ECR: 'https://' }, ['AWS_ENDPOINT_URL_ECR']],
    ['is none of a service that is not called', { AWS_ENDPOINT_URL_S3: 'minio:9000' }, []],
    [
      'is none where every service has an endpoint of its own',
      {
        AWS_ENDPOINT_URL: 'localstack:4566',
        AWS_ENDPOINT_URL_ECR: 'https://a.example',
        AWS_ENDPOINT_URL_ECR_PUBLIC: 'https://a.example',
        AWS_ENDPOINT_URL_STS: 'http://a.example:4566',
      },
      [],
    ],
    ['is none where it is ignored', { AWS_ENDPOINT_URL: 'a:1', AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' }, []],
  ] as const)
    test(outcome, () =>
      assert.deepEqual(
        endpointMistakes(env),
        want.map((variable) => `${variable} ${MISTAKE}`),
      ),
    );
});
