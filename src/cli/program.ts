import { Command, CommanderError } from 'commander';
import { EXIT, ProblemError } from '../base/problem.js';
import { VERSION } from '../base/version.js';
import { err, sayProblem } from './output.js';

const EXITS = `
Exit codes: 0 yes · 1 no · 2 usage or configuration · 3 unreachable · 4 stopped by the operator
            5 another operator acts · 70 a bug of ours · 130/143 interrupted`;

/** Parses the command line and runs one command. Returns the exit code; throws nothing. */
export async function run(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  const program = new Command('blackstart')
    .description('The console an operator opens when a K3s control plane is down.')
    .version(VERSION)
    .option('--inventory <file>', 'cluster.yaml (default: ./cluster.yaml, then the user’s configuration folder)')
    .option('--observe', 'look only: no action is possible', false)
    .option('--plain', 'plain lines instead of a full screen', false)
    .addHelpText(
      'after',
      `\nExamples:\n  blackstart --inventory prod.yaml        open the console\n  blackstart --observe                    look at a cluster, change nothing\n  blackstart drill                        practise on an embedded cluster\n  blackstart plan full-restore            every command on every host, nothing executed\n${EXITS}`,
    )
    .exitOverride()
    .showHelpAfterError('(see blackstart --help)')
    .configureOutput({ writeErr: (text) => err(text.trimEnd()) })
    .action(async (options: { inventory?: string; observe: boolean; plain: boolean }) => {
      code = await (await import('./commands/console.js')).consoleCommand(options);
    });
  program
    .command('drill')
    .description('console on the embedded practice cluster')
    .option('--scenario <id>', 'what to practise', 'full-restore')
    .option('--fault <name...>', 'what else is broken; `list` names them', [])
    .option('--surprise', 'something is broken, and it is not said what until the end', false)
    .option('--seed <n>', 'seed of everything that is random in it', (text) => Number.parseInt(text, 10))
    .option('--speed <x>', 'how much faster than real its waits are', Number.parseFloat, 1)
    .option('--new', 'begin anew where the same drill was left in the middle', false)
    .option('--from <backup>', 'load it with a copy of a real backup: a file, or a name in the catalogue')
    .option('--token-file <file>', 'server token of that backup (with --from)')
    .option('--passphrase-file <file>', 'passphrase of that backup (with --from)')
    .option('--auto', 'play the operator: no person needed', false)
    .option('--json', 'one JSON document on standard output (with --auto)', false)
    .addHelpText(
      'after',
      '\nExamples:\n  blackstart drill\n  blackstart drill --auto --scenario full-restore --speed 10\n  blackstart drill --fault dead-server\n  blackstart drill --surprise\n  blackstart drill --from snapshot.db --token-file token\n  blackstart --inventory prod.yaml drill --from snapshot-daily-20261122020000.db.gpg',
    )
    .action(async (options) => {
      code = await (await import('./commands/drill.js')).drillCommand({ ...options, ...program.opts() });
    });
  program
    .command('plan')
    .argument('<scenario>', 'e.g. full-restore')
    .description('every command on every host, nothing executed')
    .option('--primary <host>', 'server to restore on, whose data is kept, or through which it is done')
    .option('--target <host>', 'server that failed (single-node), or host to clear (clear-host)')
    .option('--way <way>', 'what is done with it: start, rejoin, install or remove (single-node)')
    .option('--snapshot <name>', 'backup to restore')
    .option('--format <format>', 'text, markdown, shell or json', 'text')
    .option('--json', 'the same as --format json', false)
    .addHelpText(
      'after',
      '\nExamples:\n  blackstart plan full-restore --format markdown > plan.md\n  blackstart plan quorum-loss\n  blackstart plan single-node --target master-3 --way rejoin',
    )
    .action(async (scenario: string, options) => {
      code = await (await import('./commands/plan.js')).planCommand(scenario, { ...options, ...program.opts() });
    });
  program
    .command('status')
    .description('probes and triage, without the console; exit 0 healthy, 1 not, 3 unknown')
    .option('--watch', 'go on until interrupted, a line for each change', false)
    .option('--json', 'one JSON document', false)
    .addHelpText('after', '\nExample:\n  blackstart status --inventory prod.yaml')
    .action(async (options) => {
      code = await (await import('./commands/status.js')).statusCommand({ ...options, ...program.opts() });
    });
  program
    .command('backups')
    .description('the catalogue with gaps, sizes, retention')
    .option('--near <time>', 'the backup nearest to a time, e.g. "02:00", "yesterday 14:30", "-3h"')
    .option('--no-hosts', 'do not ask the servers for snapshots of their own')
    .option('--json', 'one JSON document', false)
    .addHelpText('after', '\nExample:\n  blackstart backups --near "yesterday 14:30"')
    .action(async (options) => {
      code = await (await import('./commands/backups.js')).backupsCommand({ ...options, ...program.opts() });
    });
  program
    .command('verify')
    .argument('[backup]', 'a file, or the name of a backup in the catalogue')
    .description('proof without a restore')
    .option('--latest', 'the newest backup in the catalogue', false)
    .option('--token-file <file>', 'server token to try, in place of the inventory’s')
    .option('--passphrase-file <file>', 'passphrase of the backup, in place of the inventory’s')
    .option('--metrics <file>', 'write the result for Prometheus (textfile collector)')
    .option('--no-hosts', 'do not ask the servers whose snapshot it is')
    .option('--json', 'one JSON document', false)
    .option('--quiet', 'no progress', false)
    .addHelpText(
      'after',
      '\nExamples:\n  blackstart verify snapshot.db --token-file token\n  blackstart verify --latest --json\n  blackstart verify --latest --quiet --metrics /var/lib/node_exporter/blackstart.prom\n  blackstart verify cp1:on-demand-cp1-1795342572',
    )
    .action(async (backup: string | undefined, options) => {
      code = await (await import('./commands/verify.js')).verifyCommand(backup, { ...options, ...program.opts() });
    });
  program
    .command('diff')
    .arguments('<a> <b>')
    .description('objects created, changed, deleted from A to B: files, names in the catalogue, or live:HOST')
    .option('--passphrase-file <file>', 'passphrase of the backups, in place of the inventory’s')
    .option('--json', 'one JSON document', false)
    .option('--quiet', 'no progress', false)
    .addHelpText(
      'after',
      '\nExamples:\n  blackstart diff monday.db tuesday.db\n  blackstart diff snapshot-daily-20261122020000.db.gpg live:cp1',
    )
    .action(async (a: string, b: string, options) => {
      code = await (await import('./commands/diff.js')).diffCommand(a, b, { ...options, ...program.opts() });
    });
  program
    .command('tokens')
    .argument('[backup]', 'a backup in the catalogue; the newest when left out')
    .description('server tokens on every host (read, never shown) and which of them opens the backup')
    .option('--json', 'one JSON document', false)
    .option('--quiet', 'no progress', false)
    .addHelpText('after', '\nExample:\n  blackstart tokens --inventory prod.yaml')
    .action(async (backup: string | undefined, options) => {
      code = await (await import('./commands/tokens.js')).tokensCommand(backup, { ...options, ...program.opts() });
    });
  program
    .command('lookup')
    .argument('[text...]', 'a line, a piece of one, an id or plain words; standard input when left out')
    .description('what a message means, what to do, what not to do; exit 1 when nothing is known')
    .option('--list', 'all entries', false)
    .option('--json', 'one JSON document', false)
    // Commands and messages are pasted as they are, and hold options of their own.
    .allowUnknownOption()
    .addHelpText(
      'after',
      '\nExamples:\n  blackstart lookup "bootstrap data already found and encrypted with different token"\n  blackstart lookup 17\n  blackstart lookup disk full\n  journalctl -u k3s --since -1h | blackstart lookup',
    )
    .action(async (text: string[], options) => {
      code = await (await import('./commands/lookup.js')).lookupCommand(text, options);
    });
  program
    .command('take-over')
    .description('go on with a run that was begun on another machine, rebuilt from what stands on the servers')
    .option('--json', 'only say what it would go on with', false)
    .addHelpText('after', '\nExample:\n  blackstart take-over --inventory prod.yaml')
    .action(async (options) => {
      code = await (await import('./commands/take-over.js')).takeOverCommand({ ...options, ...program.opts() });
    });
  program
    .command('init')
    .description('writes an inventory from what is at hand and asks for the rest; never overwrites one')
    .option('--from-kubeconfig <file>', 'address, name and nodes of the cluster, while its API answers')
    .option('--from-ssh-config <host...>', 'Hosts of ~/.ssh/config; an agent is written HOST:agent')
    .option('--from-rclone <remote>', 'the bucket of a remote: minio:k3s-backups/k3s-etcd-backups')
    .addHelpText(
      'after',
      '\nExamples:\n  blackstart init\n  blackstart init --from-kubeconfig /etc/rancher/k3s/k3s.yaml --from-rclone minio:k3s-backups/k3s-etcd-backups\n  blackstart --inventory prod.yaml init --from-ssh-config cp1 cp2 cp3 w1:agent',
    )
    .action(async (options) => {
      code = await (await import('./commands/init.js')).initCommand({ ...options, ...program.opts() });
    });
  program
    .command('doctor')
    .description(
      'everything that must be in place before an incident, each with its remedy; exit 1 when something is missing',
    )
    .option('--json', 'one JSON document', false)
    .addHelpText('after', '\nExamples:\n  blackstart doctor --inventory prod.yaml\n  blackstart doctor --json')
    .action(async (options) => {
      code = await (await import('./commands/doctor.js')).doctorCommand({ ...options, ...program.opts() });
    });
  program
    .command('approve')
    .argument('[challenge]', 'as the gate shows it, e.g. reset.node-1.7F3K2-Q2MN4')
    .description('the second person’s code for a gate; needs no network')
    .option('--key <source>', 'your key: env:NAME, file:PATH, command:… or prompt', 'prompt')
    .option('--new-key <file>', 'draws a key and writes it there')
    .option('--json', 'one JSON document', false)
    .addHelpText(
      'after',
      '\nExamples:\n  blackstart approve --new-key ~/.config/blackstart/approval-key\n  blackstart approve reset.node-1.7F3K2-Q2MN4 --key file:~/.config/blackstart/approval-key',
    )
    .action(async (challenge: string | undefined, options) => {
      code = await (await import('./commands/approve.js')).approveCommand(challenge, options);
    });
  program
    .command('checklist')
    .argument(
      '[list]',
      'pre-restore, weekly, monthly, quarterly or after-restore; without it the three maintenance lists',
    )
    .description('the runbook’s lists: how each item stands, when last done and by whom; exit 1 when something is open')
    .option('--tick <item>', 'say that an item is done')
    .option('--words <words>', 'what was done (with --tick)')
    .option('--json', 'one JSON document', false)
    .addHelpText(
      'after',
      '\nExamples:\n  blackstart checklist\n  blackstart checklist weekly --json\n  blackstart checklist pre-restore\n  blackstart checklist --tick contacts --words "called everybody, two numbers changed"\n  blackstart checklist after-restore',
    )
    .action(async (list: string | undefined, options) => {
      code = await (await import('./commands/checklist.js')).checklistCommand(list, { ...options, ...program.opts() });
    });
  program
    .command('completion')
    .argument('<shell>', 'bash, zsh or fish')
    .description('completion for a shell, to be sourced')
    .addHelpText('after', '\nExample:\n  source <(blackstart completion bash)')
    .action(async (shell: string) => {
      code = (await import('./commands/completion.js')).completionCommand(shell, program);
    });
  program
    .command('man')
    .description('the manual page')
    .addHelpText('after', '\nExample:\n  blackstart man | man -l -')
    .action(async () => {
      code = (await import('./commands/completion.js')).manCommand(program, EXITS);
    });
  program
    .command('runs')
    .description('runs recorded on this machine')
    .option('--json', 'one JSON document', false)
    .action(async (options) => {
      code = (await import('./commands/runs.js')).runsCommand(options);
    });
  program
    .command('report')
    .argument('[run]', 'id of a run; the newest when left out')
    .description('what was done, how long it took, what was lost')
    .option('--format <format>', 'markdown, html or json', 'markdown')
    .option('--json', 'the same as --format json', false)
    .addHelpText(
      'after',
      '\nExamples:\n  blackstart report > incident.md\n  blackstart report --format html > incident.html',
    )
    .action(async (id: string | undefined, options) => {
      code = await (await import('./commands/runs.js')).reportCommand(id, options);
    });
  program
    .command('journal')
    .argument('[run]', 'id of a run; the newest when left out')
    .description('the journals kept beside a record; exit 1 when no line fits')
    .option('--grep <text>', 'lines that hold this text, or match /a regular expression/')
    .option('--host <name>', 'lines of one host')
    .option('--level <level>', 'the least severity: debug, info, warning or error', 'debug')
    .option('--json', 'one JSON document', false)
    .addHelpText(
      'after',
      '\nExamples:\n  blackstart journal --level warning\n  blackstart journal 20261122-0314-7f3a --host node-1 --grep "no leader"',
    )
    .action(async (id: string | undefined, options) => {
      code = await (await import('./commands/journal.js')).journalCommand(id, options);
    });
  program
    .command('bundle')
    .argument('[run]', 'id of a run; the newest when left out')
    .description('everything known of a run as one archive for whoever is called for help; holds no secret')
    .option('--output <file>', 'where to write it (default: blackstart-RUN.tar.gz here); never overwrites')
    .option('--json', 'one JSON document', false)
    .addHelpText('after', '\nExample:\n  blackstart bundle --output /tmp/incident.tar.gz')
    .action(async (id: string | undefined, options) => {
      code = await (await import('./commands/bundle.js')).bundleCommand(id, options);
    });
  program
    .command('replay')
    .argument('[run]', 'id of a run; the newest when left out')
    .description('a run in the console again, as it happened; nothing can be done there')
    .option('--speed <x>', 'how much faster than it was', Number.parseFloat, 1)
    .addHelpText('after', '\nExamples:\n  blackstart replay\n  blackstart replay 20261122-0314-7f3a --speed 10')
    .action(async (id: string | undefined, options) => {
      code = await (await import('./commands/replay.js')).replayCommand(id, options);
    });
  program
    .command('audit')
    .description('checks on the record')
    .command('verify')
    .argument('[run]', 'id of a run; the newest when left out')
    .description('walks the hash chain; exit 1 and the first bad entry when it was tampered with')
    .option('--json', 'one JSON document', false)
    .action(async (id: string | undefined, options) => {
      code = (await import('./commands/runs.js')).auditCommand(id, options);
    });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (error instanceof ProblemError) {
      sayProblem(error.problem);
      return error.exit;
    }
    const { saveDetails } = await import('./bug.js');
    err(`blackstart failed in a way that was not foreseen. Details: ${saveDetails(error)}`);
    return EXIT.bug;
  }
}
