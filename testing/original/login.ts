// A login as the Go project fetches and stores it.

import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';

export interface AwsAccess {
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface Login {
  readonly dockerConfig: string;
  readonly expiresAt: Date;
}

/** @throws AWS's refusal */
export async function fetchLogin({ region, accessKeyId, secretAccessKey }: AwsAccess): Promise<Login> {
  const client = new ECRClient({ region, credentials: { accessKeyId, secretAccessKey } });
  try {
    const { authorizationData } = await client.send(new GetAuthorizationTokenCommand({}));
    const [data] = authorizationData ?? [];
    const auth = data?.authorizationToken ?? '';
    const password = Buffer.from(auth, 'base64').toString().split(':')[1];
    const host = new URL(data?.proxyEndpoint ?? '').hostname;
    return {
      dockerConfig: JSON.stringify({ auths: { [host]: { username: 'AWS', password, auth } } }),
      expiresAt: data?.expiresAt ?? new Date(0),
    };
  } finally {
    client.destroy();
  }
}

export const decode = (text: string): string => Buffer.from(text, 'base64').toString();
export const encode = (text: string): string => Buffer.from(text).toString('base64');
