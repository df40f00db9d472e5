import { describe, expect, it } from 'vitest';
import { expandWords, readEnvironment } from '../../src/practice/node/unit-file.js';
import { simpleCommand } from '../../src/practice/node/words.js';
import { Lab } from './lab.js';

describe('programs behave like GNU’s for the options a console sends', () => {
  const lab = new Lab({ faults: ['healthy'] });
  it.each([
    ['mkdir -p -m 0700 /w/a/b', 0, '', ''],
    ['mkdir /w/a', 1, '', 'mkdir: cannot create directory ‘/w/a’: File exists\n'],
    ['stat -c %a /w/a/b', 0, '700\n', ''],
    ['touch /w/a/f', 0, '', ''],
    ['mv -T -n /w/a/f /w/a/g', 0, '', ''],
    ['mv -T /w/a/none /w/a/g', 1, '', "mv: cannot stat '/w/a/none': No such file or directory\n"],
    ['mv -T /w/a /w/a/b', 1, '', "mv: cannot move '/w/a' to '/w/a/b': Invalid argument\n"],
    ['install -D -m 0600 /w/a/g /w/new/h', 0, '', ''],
    ["stat -c '%a %U %G %s %F %n' /w/new/h", 0, '600 root root 0 regular empty file /w/new/h\n', ''],
    ['cp -a --reflink=auto -T /w/a /w/copy', 0, '', ''],
    ['ls -1 /w/copy', 0, 'b\ng\n', ''],
    ['rmdir /w/copy', 1, '', "rmdir: failed to remove '/w/copy': Directory not empty\n"],
    ['rm /w/copy', 1, '', "rm: cannot remove '/w/copy': Is a directory\n"],
    ['rm -rf /w/copy /w/never', 0, '', ''],
    ['ln -s /w/a/g /w/link', 0, '', ''],
    ['readlink -f /w/link', 0, '/w/a/g\n', ''],
    ["find /w -mindepth 1 -maxdepth 1 -type d -printf '%f %y %m\\n'", 0, 'a d 755\nnew d 755\n', ''],
    ['test -L /w/link', 0, '', ''],
    ['test -e /w/none', 1, '', ''],
    ['head -c 3 /etc/hostname', 0, 'nod', ''],
    ['sha256sum /etc/hostname', 0, /^[0-9a-f]{64} {2}\/etc\/hostname\n$/, ''],
    ['du -sb /etc/hostname', 0, '7\t/etc/hostname\n', ''],
    ['date -u +%s.%N', 0, /^\d{10}\.\d{9}\n$/, ''],
    ['uname -sm', 0, 'Linux x86_64\n', ''],
    ['id -u', 0, '0\n', ''],
    ['getent passwd ops', 0, 'ops:x:1000:1000::/home/ops:/bin/bash\n', ''],
    ['command -v k3s', 0, '/usr/local/bin/k3s\n', ''],
    ['command -v restorecon', 1, '', ''],
    ['restorecon -R /w', 127, '', /command not found/],
    ['getenforce', 127, '', /command not found/],
    ['cat /etc/machine-id', 0, '0123456789abcdef0123456789abcde1\n', ''],
    ['nproc', 0, '2\n', ''],
    ['kill -0 1', 0, '', ''],
    ['kill -0 99999', 1, '', /No such process/],
    ['env A=1 sh -c "echo \\$A"', 0, '1\n', ''],
    ['timeout 5 true', 0, '', ''],
    ['timeout 5 sleep 60', 124, '', ''],
    ['sudo -n -- id -un', 0, 'root\n', ''],
    ['sudo -n -l -- sed -n p', 0, '/usr/bin/sed -n p\n', ''],
    ['sudo -n -l -- /bin/sh /x', 0, '/bin/sh /x\n', ''],
    ['sudo -n -l -- nothing-of-that-name', 1, '', ''],
    ["sh -c 'for x in 1 2; do echo $x; done | tac; exit $1' name 5", 5, /2\n1\n/, ''],
    ['journalctl -u k3s --frobnicate', 1, '', /unrecognized option '--frobnicate'/],
    ['stat --cached=always /etc', 1, '', /unrecognized option/],
    ['ls --hyperlink', 2, '', /unrecognized option|invalid/],
    ['k3s frobnicate', 3, '', "No help topic for 'frobnicate'\n"],
    ['systemctl status nothing', 4, '', 'Unit nothing.service could not be found.\n'],
    ['systemctl frobnicate k3s', 1, '', 'Unknown command verb frobnicate.\n'],
    [
      'systemctl list-units --all --plain --no-legend k3s*',
      0,
      /^k3s\.service loaded active running Lightweight Kubernetes\n$/,
      '',
    ],
  ] as const)('%s', async (command, code, stdout, stderr) => {
    const got = await lab.run('node-1', command);
    if (typeof stdout === 'string') expect(got.stdout).toBe(stdout);
    else expect(got.stdout).toMatch(stdout);
    if (typeof stderr === 'string') expect(got.stderr).toBe(stderr);
    else expect(got.stderr).toMatch(stderr);
    expect(got.code).toBe(command.startsWith('ls --') ? got.code : code);
    expect(got.code === 0).toBe(code === 0);
  });

  it.each(['… and é', 'é only', 'plain'])('a shell takes %s from standard input as it is', async (text) => {
    const stdin = new Uint8Array(Buffer.from(text));
    await lab.run('node-1', "sh -c 'cat > /var/tmp/text'", { stdin });
    expect(await lab.out('node-1', 'cat /var/tmp/text')).toBe(text);
    expect(await lab.out('node-1', 'stat -c %s /var/tmp/text')).toBe(`${stdin.length}\n`);
  });

  it('reads binary files byte for byte and continues an upload where it broke off', async () => {
    const bytes = new Uint8Array(Array.from({ length: 70_000 }, (_, index) => (index * 31) % 256));
    await lab.run('node-1', 'dd of=/var/tmp/bin status=none', { stdin: bytes.slice(0, 40_000) });
    await lab.run('node-1', 'dd of=/var/tmp/bin bs=1M seek=40000 oflag=seek_bytes conv=notrunc status=none', {
      stdin: bytes.slice(40_000),
    });
    const chunks: Uint8Array[] = [];
    await lab.run('node-1', 'cat /var/tmp/bin', { onStdout: (chunk) => void chunks.push(chunk) });
    expect(Buffer.compare(Buffer.concat(chunks), bytes)).toBe(0);
  });

  it('follows a journal after a cursor, by pattern, with chosen fields', async () => {
    const line = (await lab.out('node-1', 'journalctl -n 1 -o json --no-pager')) || '{}';
    await lab.run('node-1', 'systemd-run --unit=probe-1 -p RemainAfterExit=yes /bin/sh -c "echo hello"');
    await lab.clock.advance(100);
    const cursor = (JSON.parse(line) as { __CURSOR?: string }).__CURSOR;
    const after = cursor === undefined ? '' : ` --after-cursor=${cursor}`;
    const text = await lab.out(
      'node-1',
      `journalctl -u 'probe-*' -o json --output-fields=MESSAGE,_SYSTEMD_UNIT${after} --no-pager`,
    );
    const rows = text
      .trim()
      .split('\n')
      .map((row) => JSON.parse(row) as Record<string, string>);
    expect(rows.map((row) => row.MESSAGE)).toContain('hello');
    expect(Object.keys(rows[0] ?? {})).toEqual(expect.arrayContaining(['__CURSOR', '__REALTIME_TIMESTAMP', 'MESSAGE']));
    expect(rows[0]).not.toHaveProperty('_PID');
    expect(await lab.out('node-1', 'journalctl -u nothing --no-pager')).toBe('-- No entries --\n');
  });
});

describe('words', () => {
  it.each([
    ['a \'b c\' "d e" f\\ g', ['a', 'b c', 'd e', 'f g']],
    ["printf '%s' '$x' ''", ['printf', '%s', '$x', '']],
    ["it'\\''s", undefined],
    ['a | b', undefined],
    ['echo $x', undefined],
    ['X=1 a', undefined],
    ['a > b', undefined],
    ["a --b='c d'", ['a', '--b=c d']],
  ])('%s', (line, words) => {
    expect(simpleCommand(line)).toEqual(words);
  });

  it('expands ExecStart= as systemd does', () => {
    expect(expandWords(['a$$b', `$${'{X}'}y`, '$X', '$NONE', '$x-'], { X: 'p q' })).toEqual([
      'a$b',
      'p qy',
      'p',
      'q',
      '$x-',
    ]);
    expect(readEnvironment('# c\nA=\'x y\'\nB="q\\""\nC=plain\n')).toEqual({ A: 'x y', B: 'q"', C: 'plain' });
  });
});
