// Covers the reading of NO_PROXY, side by side with Go's own.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { askGo } from '../../testing/tools/go-no-proxy/go-no-proxy.ts';
import { readNoProxy } from './no-proxy.ts';

/** Lists, separated by `|`. */
const LISTS = [
  '|,| , |*|*,|a,*|*.|.|..|*.*|:443|"*.amazonaws.com"|-|\tcom\t,x| .amazonaws.com |localhost, .amazonaws.com',
  'amazonaws.com|.amazonaws.com|*.amazonaws.com|AmazonAWS.com|azonaws.com|com|.com|amazonaws.com.|*amazonaws.com',
  'api.ecr.eu-west-1.amazonaws.com|.api.ecr.eu-west-1.amazonaws.com|*.api.ecr.eu-west-1.amazonaws.com',
  'amazonaws.com:443|.amazonaws.com:443|*.amazonaws.com:443|amazonaws.com:80|amazonaws.com:|amazonaws.com:https',
  'https://amazonaws.com|amazonaws.com/|a:b:c|[amazonaws.com]:443|[amazonaws.com]|[]:443',
  '10.1.2.3|10.1.2.3:443|10.1.2.3:8443|10.1.2.03|10.1.2|10.|.10.1.2.3|*.1.2.3|10.1.2.3.|169.254.169.254',
  '10.0.0.0/8|10.1.2.3/8|10.0.0.0/33|10.0.0.0/|10.0.0.0/08|10.0.0.0/x|11.0.0.0/8|0.0.0.0/0|10.0.0.0/8:443|10.0.0.0/8/8',
  '10.0.0.0-10.255.255.255|localhost,127.0.0.1,10.0.0.0/8,.svc,.cluster.local|localhost|127.0.0.1|::1',
  '2001:db8::1|[2001:db8::1]|[2001:db8::1]:443|[2001:db8::1]:80|2001:DB8:0::1|2001:db8::/32|::/0|fe80::/10',
  '[2001:db8::]/32|2001:db8::1%eth0|::ffff:10.1.2.3|::ffff:10.1.2.3:443|[::ffff:10.1.2.3]:443',
  'münchen.example|.münchen.example|*.münchen.example:443|xn--mnchen-3ya.example',
].flatMap((line) => line.split('|'));
const HOSTS = [
  'api.ecr.eu-west-1.amazonaws.com api.ecr.eu-west-1.amazonaws.com:8443 amazonaws.com myamazonaws.com amazonaws.com.',
  '10.1.2.3 10.1.2.3:443 [2001:db8::1] [2001:db8::1]:8443 [::ffff:a01:203] 169.254.169.254 [fe80::1] amazonaws.com.cn',
  'localhost localhost:4566 127.0.0.1 127.9.9.9:4566 [::1] [::ffff:7f00:1] localhost.example my.localhost',
  'xn--mnchen-3ya.example api.xn--mnchen-3ya.example',
].flatMap((line) => line.split(' '));
const QUESTIONS = LISTS.flatMap((noProxy) =>
  HOSTS.flatMap((host) => ['https', 'http'].map((scheme) => ({ noProxy, url: `${scheme}://${host}/` }))),
);

function ours(noProxy: string, url: string): string {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return readNoProxy(noProxy)(host, port || (protocol === 'http:' ? '80' : '443')) ? 'direct' : 'proxy';
}

describe('NO_PROXY', () => {
  test("means what it means to Go's programs", async (t) => {
    const answers = await askGo(QUESTIONS);
    if (!answers) return t.skip('there is no Go');
    assert.equal(answers.length, QUESTIONS.length);
    const differ = QUESTIONS.flatMap(({ noProxy, url }, index) => {
      const mine = ours(noProxy, url);
      return mine === answers[index] ? [] : [`${JSON.stringify(noProxy)} ${url}: ${mine}, in Go ${answers[index]}`];
    });
    assert.deepEqual(differ, []);
  });

  const ECR = 'https://api.ecr.eu-west-1.amazonaws.com';
  for (const [outcome, noProxy, url, want] of [
    ['exempts nothing when it is empty', '', ECR, 'proxy'],
    ['exempts everything by *', '*', ECR, 'direct'],
    ['takes a name for all hosts below it, with a leading dot or without', 'amazonaws.com', ECR, 'direct'],
    ['does not take a name for the end of another', 'azonaws.com', ECR, 'proxy'],
    ['may be of one port only', 'amazonaws.com:80', ECR, 'proxy'],
    ['takes a range of addresses', '10.0.0.0/8', 'https://10.1.2.3', 'direct'],
    ['always exempts the machine itself', '', 'http://localhost:4566', 'direct'],
    ['may have blanks between its entries, which Go does not know', '.svc .amazonaws.com', ECR, 'direct'],
  ] as const)
    test(outcome, () => assert.equal(ours(noProxy, url), want));
});
