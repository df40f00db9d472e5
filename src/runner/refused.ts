/** Why an intent was refused, as a sentence. */
export class Refused extends Error {}
