// One line of an answer of the command `check`.

export interface Finding {
  readonly isWell: boolean;
  /** A bad one says how to repair it. Texts of others in it are masked when it is printed. */
  readonly text: string;
}

export const well = (text: string): Finding => ({ isWell: true, text });
export const wrong = (text: string): Finding => ({ isWell: false, text });
