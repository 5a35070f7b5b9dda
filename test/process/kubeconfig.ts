/**
 * A kubeconfig, to be written as JSON, that leads to an API server which is not there: each reflector says so in a
 * line.
 */
export const NOBODY_THERE = {
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'a',
  clusters: [{ name: 'a', cluster: { server: 'https://127.0.0.1:1' } }],
  users: [{ name: 'a', user: { token: 'none' } }],
  contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
};
