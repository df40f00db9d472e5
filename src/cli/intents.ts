import { itemStatuses, unmetBeforeBegin } from '../../scenarios/pre-restore.js';
import { toProblem } from '../base/problem.js';
import { triage } from '../cluster/triage.js';
import type { Intents, Result } from '../incident/intents.js';
import type { PresentedKey } from '../remote/problems.js';
import { Refused } from '../runner/runner.js';
import type { Rebuilt } from './rebuild.js';
import { writeReport } from './report-file.js';
import type { Session } from './session.js';
import { lookUp } from './symptoms.js';
import { keepText } from './text-file.js';

/** What a person wants, carried to the runner; refusals come back as sentences. */
export function sessionIntents(
  session: Session,
  leave: () => void,
  goOn?: (found: Rebuilt | undefined) => void,
): Intents {
  const { runner, hosts } = session;
  return {
    chooseScenario: (id) =>
      refusing(() => {
        // What fits is not known before: whoever chooses now chooses blind, with a key that was meant for something else.
        const seen = triage(session.cluster, runner.state.facts);
        if (seen.state === 'looking')
          throw new Refused(`Hosts are still being looked at (${seen.evidence[0]}). Choose when they are known.`);
        runner.chooseScenario(id);
        session.suggestChoices();
        session.checkSudo();
        session.keepBefore();
      }),
    choose: (key, value) => refusing(() => runner.choose(key, value)),
    attest: (host, words, as) => refusing(() => runner.attest(host, words, as)),
    tick: (item, words) =>
      refusing(() => {
        if (words.trim() === '') throw new Refused('Say in a few words how it stands.');
        runner.tick(item, 'word', words);
      }),
    begin: () =>
      refusing(() => {
        runner.mayBegin();
        if (session.sudo.asking) throw new Refused('Sudo on the hosts is still being asked. Begin again in a moment.');
        if (session.sudo.refuses.length > 0) throw new Refused(session.sudo.refuses.join(' '));
        const unmet = unmetBeforeBegin(session.checklistSeen());
        if (unmet.length > 0) throw new Refused(`Not on the checklist yet: ${unmet.join('; ')}.`);
        for (const { item, how, evidence } of itemStatuses(session.checklistSeen()))
          if (how === 'seen') runner.tick(item.id, 'seen', evidence);
        runner.begin();
      }),
    copyData: () => refusing(() => void session.before.copy(true)),
    verify: () => session.verify(),
    pause: (on) => refusing(() => runner.pause(on)),
    openGate: () => refusingLater(async () => void (await runner.openGate())),
    confirmGate: async (typed) => {
      try {
        return await runner.confirmGate(typed);
      } catch (error) {
        if (error instanceof Refused) return 'refused';
        throw error;
      }
    },
    approve: (code) => refusingLater(() => runner.approve(code)),
    breakGlass: (reason) => refusing(() => runner.breakGlass(reason)),
    cancelGate: () => refusing(() => runner.cancelGate()),
    answer: (step, host, choice) => refusing(() => runner.answer(step, host, choice)),
    skip: (step, host, reason) => refusing(() => runner.skip(step, host, reason)),
    undo: (reason) => refusing(() => runner.undo(reason)),
    stop: () => refusing(() => runner.stop('Stopped by the operator.')),
    acceptHostKeys: (shown) =>
      refusingLater(async () => {
        const wasShown = ({ keyName, fingerprint }: PresentedKey): boolean =>
          shown.some((key) => key.address === keyName && key.fingerprint === fingerprint);
        await hosts.acceptHostKeys(hosts.unknownKeys().filter(wasShown));
        session.showUnknownKeys();
        // Those behind a jump host waited for its key: everybody who is silent is looked at now, not when their turn comes.
        const { live } = session.store.getState();
        for (const { name } of session.cluster.hosts)
          if (live[name]?.facts.reachable !== true) void session.looks.at(name).catch(() => undefined);
      }),
    retryHost: (host) =>
      refusing(
        () =>
          void hosts
            .retry(host)
            .then(() => session.looks.at(host))
            .catch(() => undefined),
      ),
    listBackups: () => refusing(() => void session.catalogue.read()),
    giveSecret: (id, text) => session.asking.answer(id, text),
    writeReport: () => writeReport(session),
    lookup: lookUp,
    tickMaintenance: (item, words) => refusing(() => session.tickMaintenance(item, words)),
    saveText: async (what, text) => {
      try {
        return `Saved: ${keepText(what, text, runner.state.runId)}`;
      } catch (error) {
        return `It could not be saved: ${error instanceof Error ? error.message : String(error)}`;
      }
    },
    ...(goOn === undefined ? {} : { goOn: () => refusingLater(async () => goOn(await session.inTheirPlace())) }),
    leave,
  };
}

function refusing(act: () => void): Result {
  try {
    act();
    return undefined;
  } catch (error) {
    return sentence(error);
  }
}

async function refusingLater(act: () => Promise<void>): Promise<Result> {
  try {
    await act();
    return undefined;
  } catch (error) {
    return sentence(error);
  }
}

function sentence(error: unknown): string {
  if (error instanceof Refused) return error.message;
  const problem = toProblem(error);
  return `${problem.what} ${problem.next}`;
}
