// crane, pulling as a kubelet would: with one docker config, through a proxy, trusting one authority, no user settings.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findCrane } from './find-crane.ts';

export interface PullOptions {
  readonly image: string;
  /** Path of a file in the image. */
  readonly file: string;
  /** Text of `.dockerconfigjson`. */
  readonly dockerConfig: string;
  readonly proxyUrl: string;
  /** PEM. */
  readonly certificateAuthority: string;
}

export type Pulled = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly words: string };

/** Pulls all layers of an image, and returns the text of one file in it, or the client's error. */
export async function pull(options: PullOptions): Promise<Pulled> {
  const crane = await findCrane();
  const home = mkdtempSync(join(tmpdir(), 'crane-'));
  try {
    writeFileSync(join(home, 'config.json'), options.dockerConfig, { mode: 0o600 });
    writeFileSync(join(home, 'ca.pem'), options.certificateAuthority);
    const env = {
      PATH: process.env['PATH'],
      HOME: home,
      DOCKER_CONFIG: home,
      SSL_CERT_FILE: join(home, 'ca.pem'),
      SSL_CERT_DIR: home,
      HTTPS_PROXY: options.proxyUrl,
    };
    const image = join(home, 'image.tar');
    const exported = await run(crane, ['export', options.image, image], env);
    if (exported.code !== 0) return { ok: false, words: exported.output };
    const { output } = await run('tar', ['-xOf', image, options.file], env);
    return { ok: true, text: output };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

async function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => (output += part));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  return { code, output };
}
