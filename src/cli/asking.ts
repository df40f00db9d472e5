import { Secret } from '../base/secret.js';
import type { AskSecret } from '../inventory/secrets.js';
import type { ConsoleStore } from '../store/store.js';

/** Questions for secrets, one at a time, shown by whatever draws the store. What is typed never enters the store. */
export class Asking {
  #pending: { id: string; text: string; settle(secret: Secret | undefined): void }[] = [];
  #next = 0;

  constructor(private readonly store: ConsoleStore) {}

  readonly ask: AskSecret = (question, signal) =>
    new Promise((resolve, reject) => {
      const id = `q${this.#next++}`;
      const text = question.host === undefined ? question.text : `${question.host}: ${question.text}`;
      const settle = (secret: Secret | undefined): void => {
        this.#pending = this.#pending.filter((one) => one.id !== id);
        this.#show();
        resolve(secret);
      };
      this.#pending.push({ id, text, settle });
      signal?.addEventListener('abort', () => {
        this.#pending = this.#pending.filter((one) => one.id !== id);
        this.#show();
        reject(signal.reason);
      });
      this.#show();
    });

  /** An empty answer declines. */
  answer(id: string, text: string | undefined): void {
    this.#pending
      .find((one) => one.id === id)
      ?.settle(text === undefined || text === '' ? undefined : new Secret(text));
  }

  cancelAll(): void {
    for (const one of [...this.#pending]) one.settle(undefined);
  }

  #show(): void {
    const first = this.#pending[0];
    this.store.setState({ secretQuestion: first === undefined ? undefined : { id: first.id, text: first.text } });
  }
}
