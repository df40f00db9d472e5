import { describe, expect, test } from 'vitest';
import { fieldsOf } from '../../src/k3s/messages.js';

describe('what a line carries beside its text', () => {
  test.each([
    [
      'logrus',
      'time="2026-11-22T03:14:05Z" level=error msg="it broke" error="dial: \\"x\\"" attempt=3',
      { error: 'dial: "x"', attempt: '3' },
    ],
    [
      'zap',
      '{"level":"warn","ts":"2026-11-22T03:14:05Z","caller":"rafthttp/probing.go:68","msg":"prober","remote-peer-id":"8e92","rtt":"0s","n":2}',
      { caller: 'rafthttp/probing.go:68', 'remote-peer-id': '8e92', rtt: '0s', n: '2' },
    ],
    [
      'klog',
      'E1122 03:14:05.123456     123 reflector.go:204] "Failed to watch" err="EOF" type="*v1.Node"',
      { at: 'reflector.go:204', err: 'EOF', type: '*v1.Node' },
    ],
    ['a line of systemd', 'k3s.service: Main process exited, code=exited, status=2', {}],
    ['zap that was cut off', '{"level":"warn","msg":"half', {}],
  ])('%s', (_what, line, expected) => {
    expect(fieldsOf(line)).toEqual(expected);
  });

  test('never more than can be read', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`k${index}`, index]));
    expect(Object.keys(fieldsOf(JSON.stringify(many)))).toHaveLength(24);
  });
});
