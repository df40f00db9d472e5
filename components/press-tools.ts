import type { Intents } from '../src/incident/intents.js';
import type { ConsoleState } from '../src/store/store.js';
import type { Dialog, ViewAction, ViewState } from '../src/store/view.js';
import type { DialogInput } from './dialogs/input.js';

/** What a key does. The state is read when it is pressed, so that two keys in one moment see each other's effect. */
export interface PressTools {
  readonly state: ConsoleState;
  readonly view: ViewState;
  readonly input: DialogInput;
  readonly intents: Intents;
  readonly columns: number;
  readonly rows: number;
  readonly pasted?: boolean;
  change(action: ViewAction): void;
  /** Puts text on the clipboard of the terminal, where that allows it. */
  copy(text: string): void;
  setInput(input: DialogInput): void;
  /** Says something on the gate that is open. */
  remark(text: string): void;
}

export type OpenDialog = Dialog | { readonly kind: 'secret' };

/** A refusal becomes a sentence in the footer. */
export function say(tools: PressTools, refused: string | undefined): void {
  if (refused !== undefined) tools.change({ do: 'notice', text: refused });
}

/** Shows the verification; where none was run yet, runs it. */
export function openVerification(tools: PressTools): void {
  const { state, intents, change } = tools;
  const refused = state.incident?.verification === undefined && !state.verifying ? intents.verify() : undefined;
  if (refused !== undefined) return say(tools, refused);
  change({ do: 'open', dialog: { kind: 'verification' } });
}
