// Which logins each CR holds: fetched and shared by this process, or found in its own Secret and proved by its status.
//
// Guarantees: a login that was found serves only the CR in whose status its digest stands; a login is let go only for one
// that was fetched; a changed identity never uses the login of the former one as its own.

import { readDockerConfig } from '../core/docker-config.ts';
import type { Credentials } from '../core/identity.ts';
import type { Login } from '../core/login.ts';
import { makeLogin, needsLogin, type Token } from '../core/login.ts';
import type { PullSecretObject, Registry } from '../core/resource.ts';
import { inputsDigest } from '../core/resource.ts';
import type { LoginFailure } from '../core/status.ts';
import { proveLogin } from '../core/stored-login.ts';
import { createLoginCache, LoginError } from '../ecr/cache.ts';
import { digest } from '../lib/digest.ts';
import { type Clock, type EpochMs, type Random } from '../lib/time.ts';

/** Where tokens come from. */
export interface LoginSource {
  /** @throws Failure */
  fetchToken(request: { readonly region: string; readonly keys: Credentials }, signal: AbortSignal): Promise<Token>;
}

/** What could be had for one CR. */
export interface Logins {
  /** By registry, sorted; ended ones too. */
  readonly held: readonly Login[];
  readonly failures: readonly (LoginFailure & { readonly retryAt: EpochMs })[];
  /** Digest of what `held` was obtained with. */
  readonly inputs: string;
}

export interface LoginRequest {
  readonly uid: string;
  readonly registries: readonly Registry[];
  readonly credentials: Credentials;
  readonly fingerprint: string;
  /** Somebody asks for a fresh login by this mark; the same mark is heeded once. */
  readonly asked: string | undefined;
}

export interface LoginBook {
  /** Fetches what is due; never throws: what could not be had is in `failures`. */
  obtain(request: LoginRequest, signal: AbortSignal): Promise<Logins>;
  /** What is held, without asking anybody. */
  held(uid: string, registries: readonly Registry[]): Pick<Logins, 'held' | 'inputs'>;
  /**
   * A Secret was seen that says it was written for `object`: takes the logins in it that the object's status proves.
   *
   * @param content  base64 of `.dockerconfigjson`
   * @param inputs   annotation with the digest of what it was made from
   */
  adopt(object: PullSecretObject, content: string, inputs: string): void;
  forget(uid: string): void;
  /** The first list has been read: what only serves adoption is let go. */
  settled(): void;
}

interface Held {
  readonly login: Login;
  readonly inputs: string;
}

export function createLoginBook(source: LoginSource, clock: Clock, random: Random): LoginBook {
  const cache = createLoginCache<Login>(clock, random);
  const byUid = new Map<string, Map<string, Held>>();
  /** CRs that share a key hold the same token in their Secrets: one copy of it is enough. */
  const adopted = new Map<string, Login>();

  /** By CR: the mark by which a fresh login was last asked for. */
  const marks = new Map<string, string>();

  const hold = (uid: string, held: Held): void => {
    const logins = byUid.get(uid) ?? new Map<string, Held>();
    byUid.set(uid, logins.set(held.login.registry, held));
  };

  const held: LoginBook['held'] = (uid, registries) => {
    const mine = byUid.get(uid);
    const found = registries.flatMap(({ registry }) => mine?.get(registry) ?? []);
    const inputs = [...new Set(found.map((one) => one.inputs))].sort();
    return {
      held: found.map(({ login }) => login),
      inputs: inputs.length === 1 ? (inputs[0] ?? '') : digest(...inputs),
    };
  };

  const obtainOne = async (
    { uid, credentials, fingerprint }: LoginRequest,
    { registry, region }: Registry,
    { inputs, force }: { readonly inputs: string; readonly force: boolean },
    signal: AbortSignal,
  ): Promise<Logins['failures'][number] | undefined> => {
    const mine = byUid.get(uid)?.get(registry);
    const isOurs = mine?.inputs === inputs;
    if (isOurs && !force && !needsLogin(mine.login, clock.now())) return undefined;
    const fetch = async (): Promise<Login> =>
      makeLogin(registry, await source.fetchToken({ region, keys: credentials }, signal), clock.now(), random);
    try {
      hold(uid, { login: await cache.get(digest(fingerprint, registry), fetch, force), inputs });
      return undefined;
    } catch (thrown) {
      if (!(thrown instanceof LoginError)) throw thrown;
      return { registry, message: thrown.message, denied: thrown.next === 'change', retryAt: thrown.retryAt };
    }
  };

  return {
    held,
    async obtain(request, signal) {
      const { uid, asked } = request;
      const force = asked !== undefined && marks.get(uid) !== asked;
      if (asked !== undefined) marks.set(uid, asked);
      const how = { inputs: inputsDigest(request.fingerprint, request.registries), force };
      const answers = await Promise.all(
        request.registries.map((registry) => obtainOne(request, registry, how, signal)),
      );
      return { ...held(uid, request.registries), failures: answers.filter((answer) => answer !== undefined) };
    },
    adopt(object, content, inputs) {
      const mine = byUid.get(object.uid);
      const wanted = (object.status.logins ?? []).filter(
        ({ registry, digest }) => mine?.get(registry)?.login.digest !== digest,
      );
      if (wanted.length === 0) return;
      const entries = readDockerConfig(content);
      for (const status of wanted) {
        const proved = proveLogin(status, entries);
        const older = mine?.get(status.registry)?.login;
        if (!proved || (older && older.expiresAt >= proved.expiresAt)) continue;
        const login = adopted.get(proved.digest) ?? proved;
        adopted.set(login.digest, login);
        hold(object.uid, { login, inputs });
      }
    },
    forget(uid) {
      byUid.delete(uid);
      marks.delete(uid);
    },
    settled: () => adopted.clear(),
  };
}
