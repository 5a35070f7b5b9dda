// What was found out about one part of an installation.

export interface Finding {
  readonly isWell: boolean;
  /** The caller may not look: neither well nor wrong. */
  readonly isUnseen?: boolean;
  /** A bad one says how to repair it. Texts of others in it are masked when it is printed. */
  readonly text: string;
}

export const well = (text: string): Finding => ({ isWell: true, text });
export const wrong = (text: string): Finding => ({ isWell: false, text });
export const unseen = (text: string): Finding => ({ isWell: true, isUnseen: true, text });
