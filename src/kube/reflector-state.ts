// The reflector's states and what each event does to them: one table, no I/O.

/**
 * `list`: a whole new list is needed. `watch`: the store is good up to `version`; go on from there. `check`: it was so
 * when the connection broke; since then an administrator may have restored etcd from a backup, and a watch from a
 * version still to come reports nothing, for ever (seen on Kubernetes 1.35 to 1.37).
 */
export type ReflectorState =
  | { readonly op: 'list' }
  | { readonly op: 'check'; readonly version: string }
  | { readonly op: 'watch'; readonly version: string };

export type ReflectorEvent =
  /** A whole list was read. */
  | { readonly op: 'listed'; readonly version: string }
  /** The API server has reached the held version. */
  | { readonly op: 'reached' }
  /** An object changed, or a bookmark came. */
  | { readonly op: 'event'; readonly version: string }
  /** The API server ended the watch properly, after a while. */
  | { readonly op: 'ended' }
  /** The stream broke, fell silent, ended at once, or could not be opened. */
  | { readonly op: 'broken' }
  /** The connection was refused: the API server is down, and may come back with another state, at whatever version. */
  | { readonly op: 'down' }
  /** The version is too old: HTTP 410, an ERROR event with code 410, or a continue token that is too old. */
  | { readonly op: 'expired' }
  /** An optional kind does not exist, or the operator may not read it: an empty list, for a while. */
  | { readonly op: 'absent' }
  /** A line that is no event, or an ERROR event of another kind: the missed changes are unknown. */
  | { readonly op: 'unreadable' };

export interface Step {
  readonly state: ReflectorState;
  /** `none`: go on at once. `backoff`: wait, longer each time until an attempt succeeds. */
  readonly pause: 'none' | 'backoff';
  /** An attempt succeeded: the backoff starts anew. */
  readonly healthy: boolean;
}

const LIST: ReflectorState = { op: 'list' };

/**
 * | event      | in `list`               | in `check`             | in `watch`                         |
 * |------------|-------------------------|------------------------|------------------------------------|
 * | listed     | watch from its version  | (does not happen)      | (does not happen)                  |
 * | reached    | (does not happen)       | watch from its version | (does not happen)                  |
 * | event      | (does not happen)       | (does not happen)      | watch from its version, healthy    |
 * | ended      | (does not happen)       | (does not happen)      | watch again at once, healthy       |
 * | broken     | list after a pause      | check after a pause    | check after a pause                |
 * | down       | list after a pause      | list after a pause     | list after a pause                 |
 * | expired    | list after a pause      | list after a pause     | list after a pause                 |
 * | absent     | list after a pause      | list after a pause     | list after a pause                 |
 * | unreadable | list after a pause      | (does not happen)      | list after a pause                 |
 *
 * A list that went well does not by itself end the backoff: a server that lists and then answers every watch with 410
 * would be listed in a tight loop.
 */
export function step(state: ReflectorState, event: ReflectorEvent): Step {
  switch (event.op) {
    case 'listed':
      return { state: { op: 'watch', version: event.version }, pause: 'none', healthy: false };
    case 'event':
      return { state: { op: 'watch', version: event.version }, pause: 'none', healthy: true };
    case 'ended':
      return { state, pause: 'none', healthy: true };
    case 'reached':
      return { state: state.op === 'check' ? { ...state, op: 'watch' } : state, pause: 'none', healthy: false };
    case 'broken':
      return { state: state.op === 'watch' ? { ...state, op: 'check' } : state, pause: 'backoff', healthy: false };
    case 'down':
    case 'expired':
    case 'absent':
    case 'unreadable':
      return { state: LIST, pause: 'backoff', healthy: false };
  }
}
