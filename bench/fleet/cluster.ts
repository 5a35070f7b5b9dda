// One cluster of a fleet: the operator's login book and what it is built of, for one object with one pair of keys.
//
// As in the operator: the object is reconciled when a request of it has ended, and at the instant that `wakeAt` names.

import type { Login } from '../../src/core/login.ts';
import type { Registry } from '../../src/core/registries.ts';
import { type Clock, type DurationMs, MINUTE, plus, type Random, read } from '../../src/lib/time.ts';
import type { LoginRequest } from '../../src/operator/login/login-book.ts';
import type { OperatorCode } from './operator-code.ts';
import type { SimulatedAws } from './simulated-aws.ts';

export interface ClusterParts {
  readonly code: OperatorCode;
  readonly clock: Clock;
  readonly random: Random;
  readonly aws: SimulatedAws;
  /** Called with each new login, and the one before. */
  readonly onLogin: (login: Login, before: Login | undefined) => void;
  readonly signal: AbortSignal;
}

const REGISTRY: Registry = { registry: 'eu-west-1', kind: 'private', region: 'eu-west-1' };
const KEYS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'no secret' };
const UID = 'the object';
/** The chart's default. */
const RENEWALS_PER_SECOND = 50;
const ASKED = { service: 'ECR', region: REGISTRY.region, what: 'login', sentWith: [] } as const;

export function startCluster({ code, clock, random, aws, onLogin, signal }: ClusterParts): void {
  const call = code.calls.createCalls({ clock });
  const { keys, identity } = code.keys.identityOfPair(KEYS, 'fleet');
  let held: Login | undefined;
  let cancel: (() => void) | undefined;

  const isThere = (): boolean => true;
  const book = code.book.createLoginBook({
    source: {
      fetchToken: (_, until) => call('GetAuthorizationToken', ASKED, (sent) => aws.getToken(sent), until),
    },
    heldLogins: code.held.createHeldLogins({
      pacer: code.pacer.createPacer(clock, random, RENEWALS_PER_SECOND),
      clock,
      isThere,
    }),
    clock,
    random,
    isThere,
    wake: () => {
      queueMicrotask(reconcile);
      return true;
    },
  });
  const request: LoginRequest = {
    uid: UID,
    group: 'namespace',
    endpoints: { useFips: false, useDualstack: false },
    keys,
    identity,
    wanted: { registries: [REGISTRY], extra: { accounts: [], hosts: [], region: REGISTRY.region } },
    asked: undefined,
    after: new Map(),
  };

  const reconcile = (): void => {
    const found = book.obtain(request, signal);
    const [login] = found.held;
    if (login && login !== held) {
      if (login.digest !== held?.digest) onLogin(login, held);
      held = login;
    }
    const isPending = found.pending.length > 0;
    const moment = read(clock);
    const at = code.wake.wakeAt(
      {
        // As `meanwhile.ts`: a login in flight wakes the object itself.
        logins: isPending ? [] : found.held,
        failures: found.failures,
        renewalStarts: found.renewalStarts,
        problems: [],
        others: [isPending ? plus(moment.now, MINUTE) : undefined],
      },
      moment,
    );
    cancel?.();
    cancel = at === undefined ? undefined : clock.after((at - moment.now) as DurationMs, reconcile);
  };
  reconcile();
}
