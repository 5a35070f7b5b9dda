// The chart gives exactly the rights that the operator uses.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LEGACY_API_VERSION, LEGACY_KIND } from '../../src/api/names.ts';
import { RIGHTS } from '../../src/checks/rights-finding.ts';
import { eventually } from '../../testing/api-server/test-api.ts';
import { createTravelClock } from '../../testing/clocks/travel-clock.ts';
import { OPERATOR_NAMESPACE } from '../../testing/operator/operator-account.ts';
import {
  CLUSTER_PATH,
  conditionOf,
  LEGACY_PATH,
  NAMESPACED_PATH,
  SECRET_PATH,
  useWorld,
} from '../../testing/operator/world.ts';
import { QUICK } from '../../testing/rigs/election-rig.ts';
import { ACCESS, createClusterPullSecret, createPullSecret } from '../scenario/manifests.ts';
import { configure, ownCertificate, removeWebhook, untilHeeded } from '../scenario/webhook-rig.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;
const ROLE = '/apis/rbac.authorization.k8s.io/v1/clusterroles/kube-ecr-secrets-operator';
/** For the Lease: its rights are confined to the operator's own namespace. */
const ELECTION_ROLE = `/apis/rbac.authorization.k8s.io/v1/namespaces/${OPERATOR_NAMESPACE}/roles/kube-ecr-secrets-operator-leader-election`;

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const byText = (one: string, other: string): number => one.localeCompare(other);

// Rule 19
describe('the rights of the chart', () => {
  const world = useWorld();

  const granted = async (): Promise<readonly string[]> => {
    const roles = await Promise.all([ROLE, ELECTION_ROLE].map((path) => world.api.must('GET', path)));
    const pairs = (roles as readonly { readonly rules: readonly Rule[] }[])
      .flatMap(({ rules }) => rules)
      .flatMap(({ apiGroups, resources, verbs }) =>
        apiGroups.flatMap((group) =>
          resources.flatMap((resource) => {
            const [plural, subresource] = resource.split('/');
            const name = `${plural}${group && `.${group}`}${subresource ? `/${subresource}` : ''}`;
            return verbs.map((verb) => `${verb} ${name}`);
          }),
        ),
      );
    return pairs.toSorted(byText);
  };
  test('are those of which check asks whether it has them, beside those of switches, webhook and election', async () => {
    const OF_SWITCHES =
      / (?:serviceaccounts|awsecrcredentials|leases|validatingwebhookconfigurations)\b|^create cluster/;
    const asked = RIGHTS.map(({ verb, group, resource, subresource }) => {
      const name = `${resource}${group && `.${group}`}${subresource ? `/${subresource}` : ''}`;
      return `${verb} ${name}`;
    });
    const always = (await granted()).filter((right) => !OF_SWITCHES.test(right));
    assert.deepEqual(asked.toSorted(byText), always);
  });

  const used = (): readonly string[] => {
    const asked = world.audit().filter(({ resource }) => !resource.startsWith('/'));
    return [...new Set(asked.map(({ verb, resource }) => `${verb} ${resource}`))].sort(byText);
  };
  const uses = async (...pairs: readonly string[]): Promise<void> =>
    void (await eventually(() => (pairs.every((pair) => used().includes(pair)) ? true : undefined)));

  test('are all used, and none beside them, in a life with everything that the operator does', async (t) => {
    process.env['AWS_ENDPOINT_URL_STS'] = world.aws.url;
    t.after(() => delete process.env['AWS_ENDPOINT_URL_STS']);
    const clock = createTravelClock();
    world.aws.setTokenLife(12 * HOUR);
    const [one, other] = [await world.api.createNamespace(), await world.api.createNamespace()];
    // A webhook under the chart's names, which writes its authority and its configuration.
    const name = 'kube-ecr-secrets-operator';
    const names = { configuration: name, secret: `${name}-webhook` };
    t.after(() => removeWebhook(world, names));
    // Of two replicas; the one whose clock is set forward would lose its Lease each time.
    const replica = await world.startOperator({ election: { lease: name, identity: 'one', times: QUICK } });
    const leases = 'leases.coordination.k8s.io';
    await uses(...['create', 'get', 'patch'].map((verb) => `${verb} ${leases}`));
    await replica.stop();
    const { operator } = await world.startOperator({ clock, webhook: ownCertificate(names), attaches: true });
    await configure(world, names, [operator.webhookPort ?? 0]);
    await untilHeeded(world, one);
    const configurations = 'validatingwebhookconfigurations.admissionregistration.k8s.io';
    await uses(...['list', 'patch'].map((verb) => `${verb} ${configurations}`));
    // It would refuse some of the following requests.
    await removeWebhook(world, names);

    // Keys from a Secret.
    const data = { AWS_ACCESS_KEY_ID: ACCESS.accessKeyId, AWS_SECRET_ACCESS_KEY: ACCESS.secretAccessKey };
    await world.api.must('POST', SECRET_PATH(one), { metadata: { name: 'keys' }, stringData: data });
    const awsAccess = { region: 'eu-west-1', secretRef: { name: 'keys' } };
    await createPullSecret(world.api, one, 'by-secret', { awsAccess });
    await world.ready(NAMESPACED_PATH(one, 'by-secret'));
    await uses('get secrets', 'create secrets', 'create events.events.k8s.io');

    // A namespace that leaves loses its Secret.
    const path = CLUSTER_PATH(`rights-${one}`);
    await createClusterPullSecret(world.api, `rights-${one}`, { namespaces: [one, other], secretName: 'everywhere' });
    await world.ready(path);
    await world.api.merge(path, { spec: { namespaces: [one] } });
    await uses('delete secrets');

    // A token of a ServiceAccount whose role stands in its annotation.
    const annotations = { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/puller' };
    const account = { metadata: { name: 'puller', annotations } };
    await world.api.must('POST', `/api/v1/namespaces/${one}/serviceaccounts`, account);
    await createPullSecret(world.api, one, 'by-account', {
      awsAccess: { region: 'eu-west-1', serviceAccountRef: { name: 'puller' } },
      secretName: 'by-account',
    });
    await uses('get serviceaccounts', 'create serviceaccounts/token');

    // An account that names a Secret.
    await createPullSecret(world.api, one, 'attached', {
      secretName: 'attached',
      serviceAccounts: { names: ['puller'] },
    });
    await uses('list serviceaccounts', 'patch serviceaccounts');

    // The deprecated kind: one that is converted, one that cannot be.
    const legacy = (name: string, spec: object): Promise<unknown> =>
      world.api.must('POST', LEGACY_PATH(), {
        apiVersion: LEGACY_API_VERSION,
        kind: LEGACY_KIND,
        metadata: { name },
        spec,
      });
    await legacy(`good-${one}`, { awsAccess: ACCESS, secretName: 'converted', namespaces: [one] });
    await legacy(`bad-${one}`, { awsAccess: { ...ACCESS, region: 'nowhere' }, secretName: 'bad', namespaces: [one] });
    t.after(() => world.api.must('DELETE', LEGACY_PATH(`bad-${one}`)));
    await uses('delete awsecrcredentials.aws.zakariaamine.com', 'patch awsecrcredentials.aws.zakariaamine.com/status');

    // The operator retries what AWS refuses and reports it again, minutes later.
    const awsAccessDenied = { ...ACCESS, accessKeyId: 'AKIADENIEDDENIED0001' };
    await createPullSecret(world.api, one, 'denied', { awsAccess: awsAccessDenied, secretName: 'denied' });
    await world.status(NAMESPACED_PATH(one, 'denied'), (status) => conditionOf(status, 'Stalled') !== undefined);
    for (let turn = 0; turn < 6; turn += 1) {
      const asked = world.aws.calls();
      clock.travel(6 * MINUTE);
      await eventually(() => (world.aws.calls() > asked ? true : undefined));
    }
    await uses('patch events.events.k8s.io');

    // The operator writes a deleted Secret again once no status announces a later login.
    for (const name of ['ecr-login', 'everywhere']) await world.api.must('DELETE', SECRET_PATH(one, name));
    const plurals = ['awsecrimagepullsecrets', 'clusterawsecrimagepullsecrets'];
    await uses(...plurals.map((plural) => `get ${plural}.aws.zakariaamine.com`));

    // Six hours later logins are renewed.
    world.aws.setTokenLife(24 * HOUR);
    clock.travel(6 * HOUR);
    // The audit log has a watch once it has ended.
    await uses('patch secrets', 'watch serviceaccounts');
    assert.deepEqual(used(), await granted());
  });
});
