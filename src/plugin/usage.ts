// A command line that cannot be meant: the one failure that ends a command by 2.

import { Failure } from '../lib/errors.ts';

const USAGE = 'Usage';

export function usage(message: string): Failure {
  return new Failure({ next: 'change', reason: USAGE, message });
}

export function isUsage({ reason }: Failure): boolean {
  return reason === USAGE;
}
