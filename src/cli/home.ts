// A home folder for a process whose user has none: Node's `homedir` throws then, in the AWS SDK too.

import { homedir } from 'node:os';

/** What container runtimes set for a user that `/etc/passwd` does not list. */
const NONE = '/';

/** Call it before a library asks. */
export function ensureHome(): void {
  try {
    homedir();
  } catch {
    process.env['HOME'] = NONE;
  }
}
