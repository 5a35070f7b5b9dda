// The flags of the webhook -> WebhookOptions. It is off until flags say how the API server reaches it.

import { isIP } from 'node:net';
import { HOST_MAX_LENGTH, SECRET_NAME_MAX_LENGTH, SECRET_NAME_PATTERN } from '../api/names.ts';
import type { BindAddress } from '../http/server.ts';
import type { CertificateOptions, WebhookOptions } from '../operator/webhook/server.ts';

const MISSING = ['deny', 'warn'] as const;

export const WEBHOOK_FLAGS = [
  {
    name: 'webhook-bind-address',
    env: 'ECR_OPERATOR_WEBHOOK_BIND_ADDRESS',
    fallback: ':9443',
    value: 'HOST:PORT',
    help: 'Where the webhook is served, once its certificate is known by the flags below; 0 or empty turns it off.',
  },
  {
    name: 'webhook-configuration-name',
    env: 'ECR_OPERATOR_WEBHOOK_CONFIGURATION_NAME',
    fallback: '',
    value: 'NAME',
    help: 'The ValidatingWebhookConfiguration whose caBundle is kept, with certificates that the operator makes itself.',
  },
  {
    name: 'webhook-dns-names',
    env: 'ECR_OPERATOR_WEBHOOK_DNS_NAMES',
    fallback: '',
    value: 'NAME,...',
    help: 'Host names and IP addresses by which the API server calls the webhook, such as NAME.NAMESPACE.svc.',
  },
  {
    name: 'webhook-authority-secret',
    env: 'ECR_OPERATOR_WEBHOOK_AUTHORITY_SECRET',
    fallback: 'kube-ecr-secrets-operator-webhook',
    value: 'NAME',
    help: "Secret in the operator's own namespace with the authority of those certificates; it is made when it is missing.",
  },
  {
    name: 'webhook-certificate-folder',
    env: 'ECR_OPERATOR_WEBHOOK_CERTIFICATE_FOLDER',
    fallback: '',
    value: 'FOLDER',
    help: 'Folder with tls.crt and tls.key, from cert-manager or a Secret of yours, instead of certificates of our own.',
  },
  {
    name: 'webhook-missing-namespaces',
    env: 'ECR_OPERATOR_WEBHOOK_MISSING_NAMESPACES',
    fallback: 'deny',
    value: MISSING.join('|'),
    help: 'What a new object of the cluster kind gets that names a namespace which does not exist.',
  },
] as const;

type Name = (typeof WEBHOOK_FLAGS)[number]['name'];

export interface Given {
  readonly text: string;
  /** The flag or the variable, for complaints. */
  readonly from: string;
}

/**
 * @param read      a flag's value
 * @param address   a flag's value as an address; undefined when it is turned off
 * @param mistakes  receives one sentence for each thing that is wrong
 * @returns undefined when the webhook is off
 */
export function webhookOptions(
  read: (name: Name) => Given,
  address: (name: Name) => BindAddress | undefined,
  mistakes: string[],
): WebhookOptions | undefined {
  const { text: policy, from } = read('webhook-missing-namespaces');
  const missingNamespaces = MISSING.find((one) => one === policy);
  if (!missingNamespaces) mistakes.push(`${from}: "${policy}" is not one of ${MISSING.join(', ')}`);
  const at = read('webhook-bind-address').text === '' ? undefined : address('webhook-bind-address');
  const certificate = certificateOptions(read, mistakes);
  return at && certificate && missingNamespaces ? { address: at, certificate, missingNamespaces } : undefined;
}

function certificateOptions(read: (name: Name) => Given, mistakes: string[]): CertificateOptions | undefined {
  const configuration = read('webhook-configuration-name');
  const namesGiven = read('webhook-dns-names');
  const folder = read('webhook-certificate-folder');
  const secret = read('webhook-authority-secret');
  const both = [configuration, namesGiven].filter(({ text }) => text !== '');
  if (folder.text !== '') {
    for (const { from } of both)
      mistakes.push(
        `${from} does not go with ${folder.from}: whoever makes that certificate knows its names and keeps caBundle`,
      );
    return { op: 'files', folder: folder.text };
  }
  if (both.length === 0) return undefined;
  if (configuration.text === '')
    mistakes.push(
      `${namesGiven.from} needs --webhook-configuration-name: which configuration is to trust the webhook?`,
    );
  if (namesGiven.text === '')
    mistakes.push(
      `${configuration.from} needs --webhook-dns-names: by which names does the API server call the webhook?`,
    );
  const names = namesGiven.text.split(',').map((name) => name.trim());
  const bad = namesGiven.text === '' ? undefined : names.find((name) => !isHost(name));
  if (bad !== undefined) mistakes.push(`${namesGiven.from}: "${bad}" is neither a host name nor an IP address`);
  for (const { text, from } of [configuration, secret])
    if (text !== '' && !isObjectName(text)) mistakes.push(`${from}: "${text}" is not a name such an object can have`);
  return { op: 'own', configuration: configuration.text, names, secret: secret.text };
}

function isHost(name: string): boolean {
  return isIP(name) !== 0 || (name.length <= HOST_MAX_LENGTH && new RegExp(SECRET_NAME_PATTERN).test(name));
}

/** Whether most kinds of Kubernetes take it as the name of an object. */
export function isObjectName(name: string): boolean {
  return name.length <= SECRET_NAME_MAX_LENGTH && new RegExp(SECRET_NAME_PATTERN).test(name);
}
