import { act, look, putText } from '../../src/incident/command.js';
import type { Step, StepContext } from '../../src/incident/step.js';
import { showUnit } from '../../src/k3s/ask.js';
import { urlHost } from '../../src/k3s/health.js';
import { parseUnit } from '../../src/k3s/systemd.js';
import { isIp, neededK3s, nodeAddress, pathsOf, serversIn } from './hosts.js';
import { at, minutes, no, seconds, silence, yes } from './judge.js';
import { joinUrl } from './rejoin.js';
import { primaryStartedAt } from './start.js';

const ID = 'restart-agents';

/**
 * An agent whose configured server is one that was left out, or gave way to a new machine elsewhere, would wait for it forever. What it named
 * when the step began counts: once our override is in place, a look finds another one.
 */
function goneServer(context: StepContext): string {
  const remembered = context.known(ID, 'gone', context.host);
  return typeof remembered === 'string' ? remembered : namesGone(context);
}

function namesGone(context: StepContext): string {
  const configured = context.facts(context.host).service?.serverUrl;
  return configured !== undefined && isGone(context, configured.url) ? configured.url : '';
}

function isGone(context: StepContext, url: string): boolean {
  const host = urlHost(url);
  if (context.choices.fenced.some((name) => host === nodeAddress(context, name))) return true;
  // Of a name nobody can say here where it leads; it may be a load balancer's.
  const replaced = serversIn(context).some((name) => neededK3s(context, name));
  return (
    replaced &&
    isIp(host) &&
    !serversIn(context).some((name) => host === nodeAddress(context, name)) &&
    !isApi(context, host)
  );
}

const isApi = (context: StepContext, host: string): boolean =>
  context.cluster.api !== undefined && urlHost(context.cluster.api) === host;

/** Its own configuration comes back into force when the plan ends. */
const staysWrong = (context: StepContext): string[] => {
  const gone = goneServer(context);
  return gone === ''
    ? []
    : [`its configuration names ${gone}, which is gone: set server: ${joinUrl(context)} there before its next restart`];
};

export const restartAgents: Step = {
  id: ID,
  title: 'Restart the agents',
  runbook: 'Full restore, step 6: restart K3s agent',
  effect: 'change',
  why: 'They reconnect by themselves, but a kubelet that was not restarted may keep pods the restored API does not know. Containers keep running.',
  gate: 'release',
  remembers: (context) => ({ gone: namesGone(context) }),
  done: {
    ask: (context) => [look(showUnit(pathsOf(context).unit))],
    judge: (answers, context) => {
      const quiet = silence(answers);
      if (quiet !== undefined) return quiet;
      const unit = parseUnit(at(answers, 0).stdout);
      const after = unit.startedAt !== null && unit.startedAt >= primaryStartedAt(context);
      if (!after) return no('not restarted since the restored server came up');
      return unit.active === 'active'
        ? yes(['restarted, active', ...staysWrong(context)])
        : no(`restarted, unit ${unit.active}`);
    },
  },
  run: (context) => [
    ...(goneServer(context) !== ''
      ? [
          act(['mkdir', '-p', pathsOf(context).configDir]),
          putText(
            pathsOf(context).rejoinConfig,
            `# Placed by blackstart: the server this agent names was left out of the restore.\nserver: ${joinUrl(context)}\n`,
            0o600,
          ),
        ]
      : []),
    act(['systemctl', 'restart', '--no-block', pathsOf(context).unit]),
  ],
  pollMs: 1000,
  expectMs: seconds(15),
  withinMs: minutes(5),
  undo: { none: 'a restarted agent changes no data' },
  lookup: ['49', '52', '54'],
  skippable: 'An agent that stays away is Not Ready in the API; its pods move when it is deleted.',
};

/** Where the data is that of before, an agent reconnects by itself (R45); one that names a server that is gone never would. */
export const restartAgentsOfGoneServers: Step = {
  ...restartAgents,
  title: 'Lead agents to a server that is there',
  runbook: 'Full restore, step 6, where it is needed',
  why: 'An agent that names a server that is gone waits for it; the others reconnect by themselves.',
  when: (context) =>
    goneServer(context) !== ''
      ? { run: 'yes' }
      : { run: 'no', because: 'its server takes part: it reconnects by itself' },
};
