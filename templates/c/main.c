#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    printf("hello from C, %s as process %d\n", argc > 0 ? argv[0] : "", (int)getpid());
    return 0;
}
