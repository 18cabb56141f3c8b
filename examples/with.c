/* SPDX-License-Identifier: MIT */
/** @file
 *  With: hold a lock for a scope; every way out of it releases. In Python:
 *
 *      def withdraw(amount):
 *          with lock:
 *              if amount > balance:
 *                  return False                # released here too
 *              balance -= amount
 *              return True
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

static thrum_lock lock;
static thrum_semaphore tickets = THRUM_SEMAPHORE(1);
static int balance = 100;

/** The declaration form holds to the end of the enclosing block. */
static bool withdraw(int amount)
{
    THRUM_HOLD(&lock);
    if (amount > balance)
        return false;
    balance -= amount;
    return true;
}

/** The block form is a with statement. It takes a semaphore, too, and nests. */
static int enter(void)
{
    thrum_with (&tickets) {
        thrum_with (&lock) {
            if (balance < 10)
                break; /* leaves the inner with, not a loop around it */
            balance -= 10;
            return 10;
        }
        return 0;
    }
    return -1; /* only if the semaphore could not be acquired */
}

int main(void)
{
    bool too_much = withdraw(1000);
    bool enough = withdraw(85);
    int paid = enter();
    int paid_again = enter();
    printf("the balance is %d\n", balance);

    bool all_released = !thrum_lock_locked(&lock) && thrum_semaphore_value(&tickets) == 1;
    bool is_right = !too_much && enough && paid == 10 && paid_again == 0 && balance == 5;
    return all_released && is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}
