// The least that logins in Node.js take: the AWS SDK alone asks for a token with each pair of keys in each region, 32
// calls in flight, and throws it away. Runs as a process of its own (login-floor.ts), without imports of the
// project: it begins on SIGUSR2.

import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { NodeHttpHandler } from '@smithy/node-http-handler';

const { KEYS = '', SECRET = '', REGIONS = '' } = process.env;
const IN_FLIGHT = 32;
/** The connections of all clients. */
const requestHandler = new NodeHttpHandler();
const asked = KEYS.split(',').flatMap((accessKeyId) => REGIONS.split(',').map((region) => ({ accessKeyId, region })));

async function askInTurn(): Promise<void> {
  for (let next = asked.shift(); next; next = asked.shift()) {
    // A client for each call, as the operator has it: no call can be signed with another's keys.
    const client = new ECRClient({
      region: next.region,
      credentials: { accessKeyId: next.accessKeyId, secretAccessKey: SECRET },
      requestHandler,
    });
    await client.send(new GetAuthorizationTokenCommand({}));
  }
}

process.once('SIGUSR2', () => {
  void Promise.all(Array.from({ length: IN_FLIGHT }, askInTurn)).then(() => process.stdout.write('done\n'));
});
// Stays until it is ended.
setInterval(() => {}, 60_000);
process.stdout.write('loaded\n');
