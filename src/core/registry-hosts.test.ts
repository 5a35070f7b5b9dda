// Covers which host of a docker config opens nothing beyond the operator's, in the forms in which other tools write it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isCovered } from './registry-hosts.ts';

const HOST = '111122223333.dkr.ecr.eu-west-1.amazonaws.com';
const ANY_ACCOUNT = '*.dkr.ecr.eu-west-1.amazonaws.com';

// Rule 1
describe('a host in an offered secret', () => {
  const rows: readonly (readonly [what: string, host: string, ours: readonly string[], isCovered: boolean])[] = [
    ['that is the same', HOST, [HOST], true],
    ['that is one of several', HOST, ['registry.example.com', HOST], true],
    ['with the scheme https', `https://${HOST}`, [HOST], true],
    ['with the scheme http', `http://${HOST}`, [HOST], true],
    ['with a scheme in upper case', `HTTPS://${HOST}`, [HOST], false],
    ['with two schemes', `https://http://${HOST}`, [HOST], false],
    ['with another scheme', `oci://${HOST}`, [HOST], false],
    ['with a slash behind it', `${HOST}/`, [HOST], true],
    ['with the path /v1/', `https://${HOST}/v1/`, [HOST], true],
    ['with the path /v2', `${HOST}/v2`, [HOST], true],
    ['with the path of one repository, which opens less', `${HOST}/shop/api`, [HOST], true],
    ['of which the operator writes only a path', HOST, [`other.example.com/${HOST}`], false],
    ['of another account', '444455556666.dkr.ecr.eu-west-1.amazonaws.com', [HOST], false],
    ['in upper case, which the kubelet does not fold', HOST.toUpperCase(), [HOST], false],
    ['with a port that the operator does not write', `${HOST}:443`, [HOST], false],
    ['without the port that the operator writes', 'registry.example.com', ['registry.example.com:5000'], false],
    ['with the same port', 'https://registry.example.com:5000/v2/', ['registry.example.com:5000'], true],
    ['with another port', 'registry.example.com:5001', ['registry.example.com:5000'], false],
    ['of one account, where the operator writes all', HOST, [ANY_ACCOUNT], true],
    ['of one account with a path, where the operator writes all', `https://${HOST}/shop`, [ANY_ACCOUNT], true],
    ['of one account in another region', '111122223333.dkr.ecr.us-east-1.amazonaws.com', [ANY_ACCOUNT], false],
    ['with a star that the operator writes too', ANY_ACCOUNT, [ANY_ACCOUNT], true],
    ['with a star, where the operator writes one account', ANY_ACCOUNT, [HOST], false],
    ['with a star for the region too', '*.dkr.ecr.*.amazonaws.com', [ANY_ACCOUNT], false],
    [
      'with a part of a label as a star, where the operator writes all',
      '1*.dkr.ecr.eu-west-1.amazonaws.com',
      [ANY_ACCOUNT],
      true,
    ],
    ['with one label more than a star stands for', `a.${HOST}`, [ANY_ACCOUNT], false],
    ['with one label less', 'dkr.ecr.eu-west-1.amazonaws.com', [ANY_ACCOUNT], false],
    ['with a dot at its end', `${HOST}.`, [HOST], false],
    ['with a user, behind whom another host stands', `${HOST}:x@registry.example.com`, [HOST], false],
    ['with a query', `${HOST}?x`, [HOST], false],
    ['with a pattern of characters', '[1].dkr.ecr.eu-west-1.amazonaws.com', [ANY_ACCOUNT], false],
    ['with white space before it', ` ${HOST}`, [HOST], false],
    ['that is empty', '', [HOST], false],
    ['of which the operator writes none', HOST, [], false],
    ['beside one of the operator that is no host', HOST, ['no host'], false],
  ];
  for (const [what, host, ours, wanted] of rows)
    test(`${what} opens ${wanted ? 'nothing more' : 'more'}`, () => assert.equal(isCovered(host, ours), wanted));
});
