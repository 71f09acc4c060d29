import { hashPassword } from "../../../src/submission/password-hash.ts";

/** Of the password `right`, at the least cost that is allowed. */
export const CHEAP_HASH_OF_RIGHT =
  "$scrypt$ln=10,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$NxheqC03Kq6y6MF1Ni36TkbiynSBfkym1GpETMHqiQ8";

/** At the usual cost. */
export const hashOfRight = (): Promise<string> => hashPassword("right");
