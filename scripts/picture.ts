// Draws docs/images/dashboard.svg: the panels of the dashboard over the scrapes of a real operator, on a real API
// server, to which things happen in ten hours of a clock that is moved. Prometheus' own engine answers the panels'
// queries; a library draws them. It is no screenshot of Grafana.
//   node scripts/picture.ts

import { mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { observeProcess } from '../src/cli/process-metrics.ts';
import { HOUR } from '../src/lib/time.ts';
import { installCrds } from '../testing/api-server/install-crds.ts';
import { adminOf } from '../testing/api-server/test-api.ts';
import { startAwsStandIn } from '../testing/aws/aws-stand-in.ts';
import { createTravelClock } from '../testing/clocks/travel-clock.ts';
import { startControlPlane } from '../testing/control-plane/control-plane.ts';
import { accessTo } from '../testing/operator/plane-access.ts';
import { type Recording, record } from '../testing/operator/recording.ts';
import { CLUSTER_PATH, GOOD_KEY, NAMESPACED_PATH, startInProcess } from '../testing/operator/world.ts';
import { askPromql } from '../testing/tools/promql/ask-promql.ts';
import { PANELS } from './dashboard-panels.ts';
import { drawPanels } from './draw-panels.ts';

const MINUTES = 600;
const INTO = 'docs/images/dashboard.svg';
/**
 * What a moved clock does not show as it is: the API server ends watches by its own, and memory is that of this script.
 * The webhook is off.
 */
const LEFT_OUT = new Set([
  'Since the API server was last heard of',
  'Requests to the API server',
  'Memory',
  'Reviews of the webhook',
]);
const THROTTLED = { op: 'error', status: 400, code: 'ThrottlingException', message: 'Rate exceeded' } as const;

const object = (kind: string, name: string, spec: object): object => ({
  apiVersion: 'aws.zakariaamine.com/v1alpha2',
  kind,
  metadata: { name },
  spec: { secretName: name, ...spec },
});
const access = (region: string, over: object = {}): object => {
  const { accessKeyId, secretAccessKey } = GOOD_KEY;
  return { region, accessKeyId, secretAccessKey, ...over };
};

/** Ten hours: objects come, one has a wrong key, and AWS throttles for one hour when renewals are due. */
async function live(): Promise<Recording> {
  const plane = await startControlPlane();
  const aws = await startAwsStandIn({ accounts: [GOOD_KEY] });
  try {
    const api = adminOf(plane);
    await installCrds(api);
    process.env['AWS_ENDPOINT_URL_ECR'] = aws.url;
    const clock = createTravelClock();
    const operator = await startInProcess(accessTo(plane, plane.adminToken), clock);
    observeProcess(operator.metrics, '1.0.0', new Map(), undefined);
    const create = async (namespace: string, name: string, awsAccess: object): Promise<void> => {
      await api.must('POST', NAMESPACED_PATH(namespace), object('AWSECRImagePullSecret', name, { awsAccess }));
    };
    const happens: Readonly<Record<number, () => Promise<unknown> | void>> = {
      10: async () => {
        for (const name of ['shop', 'web', 'batch'])
          await api.must('POST', '/api/v1/namespaces', { metadata: { name, labels: { ecr: 'true' } } });
        await create('shop', 'login', access('eu-west-1'));
        await create('web', 'login', access('eu-central-1'));
      },
      60: () =>
        api.must(
          'POST',
          CLUSTER_PATH(),
          object('ClusterAWSECRImagePullSecret', 'for-everybody', {
            awsAccess: access('us-east-1'),
            namespaceSelector: { matchLabels: { ecr: 'true' } },
          }),
        ),
      180: () =>
        create('batch', 'login', access('eu-west-1', { secretAccessKey: 'ThisIsNotTheKeyThatBelongsToIt0000000+/' })),
      310: () => aws.faults.failWhile(() => true, THROTTLED),
      370: () => aws.faults.clear(),
    };
    const begin = clock.now();
    const recording = await record(operator, clock, MINUTES, async (minute) => {
      // The clock of AWS is not moved: its tokens have to end twelve hours after the operator's.
      aws.setTokenLife(12 * HOUR + (clock.now() - begin));
      await happens[minute]?.();
      // The API server lives in real time: its events come meanwhile.
      await pause(happens[minute] ? 2_000 : 40);
      await operator.idle();
    });
    await operator.stop();
    return recording;
  } finally {
    await aws.stop();
    await plane.stop();
  }
}

const recording = await live();
const panels = PANELS.filter(({ title }) => !LEFT_OUT.has(title));
const queries = panels
  .flatMap(({ lines }) => Object.values(lines))
  .map((query) =>
    query.replaceAll('$__rate_interval', '5m').replaceAll('=~"$cluster"', '=~".*"').replaceAll('=~"$job"', '=~".*"'),
  );
const answers = [...(await askPromql(recording, MINUTES, queries))];
const drawn = panels.map((panel) => ({
  panel,
  lines: Object.keys(panel.lines).flatMap((legend) =>
    (answers.shift() ?? []).map(({ labels, values }) => ({
      name: legend
        .replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => labels[label] ?? '')
        .replaceAll(/ +/g, ' ')
        .trim(),
      values,
    })),
  ),
}));
mkdirSync('docs/images', { recursive: true });
writeFileSync(INTO, drawPanels(drawn, MINUTES));
console.log(`wrote ${INTO}`);
process.exit(0);
