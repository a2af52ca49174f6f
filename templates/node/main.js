// The sum is of the primes below a million: something for the compiler to do.
"use strict";

const limit = 1000000;
const composite = new Uint8Array(limit);
let sum = 0;
for (let n = 2; n < limit; n++) {
    if (composite[n])
        continue;
    sum += n;
    for (let multiple = n * n; multiple < limit; multiple += n)
        composite[multiple] = 1;
}
console.log(`hello from node ${process.versions.node}: ${sum}`);
