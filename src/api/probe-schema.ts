// The part of the schema about asking the registry whether a pull would work.

import { z } from 'zod';
import {
  CACHE_PREFIXES,
  MAX_PROBED,
  PROBE_INTERVAL_MAX_LENGTH,
  PROBE_INTERVAL_PATTERN,
  PROBED_MAX_LENGTH,
  PROBED_PATTERN,
} from './names.ts';
import { text } from './text-rules.ts';

const repository = text(
  PROBED_PATTERN,
  'must be a repository, with or without a host and a tag, such as team/app or team/app:1.0',
  PROBED_MAX_LENGTH,
  {
    rule: `self.size() > ${PROBED_MAX_LENGTH} || !self.matches(r'^([^/]*[.:][^/]*/)?(${CACHE_PREFIXES.join('|')})/')`,
    message: 'is the name of a pull-through cache: asking it may create a repository; name one of your own',
  },
);

const interval = text(
  PROBE_INTERVAL_PATTERN,
  'must be whole minutes or hours, such as 30m or 1h',
  PROBE_INTERVAL_MAX_LENGTH,
  {
    rule: `!self.matches(r'${PROBE_INTERVAL_PATTERN}') || (duration(self) >= duration('5m') && duration(self) <= duration('24h'))`,
    message: 'must be from 5m to 24h',
  },
);

export const probe = z
  .strictObject({
    repositories: z
      .array(repository)
      .min(1)
      .max(MAX_PROBED)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe(
        'Repositories that are asked about: in the registry of awsAccess.region, or with the host of another one that the login ' +
          'opens. With a tag that image is asked for; without one, a tag that does not exist: the answer says all the same whether ' +
          'pulling is allowed. Not for pull-through caches, where asking may create a repository.',
      ),
    interval: interval.optional().describe('How often they are asked about, from 5m to 24h. Default: 1h.'),
  })
  .optional()
  .describe(
    'Asks the registry itself whether this login may pull, as a kubelet would; the condition Pullable says what it answered. It never ' +
      'holds back a secret.',
  );
