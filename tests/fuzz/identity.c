/* identity_parse(): the records of an identity. */
#include "identity.h"

#include <string.h>
#include <stdlib.h>

#include "fuzz.h"

static void look_at(char *const *list, const char *blob, size_t size)
{
    for (; *list; list++)
        if (*list < blob || *list + strlen(*list) >= blob + size)
            broken("a variable or an argument is not of the records");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *volatile blob = malloc(size + !size); /* not a byte more: AddressSanitizer watches what lies behind */
    struct identity identity;

    memcpy(blob, data, size);
    if (!setjmp(refused)) {
        identity_parse(blob, size, &identity);
        look_at(identity.environment, blob, size);
        look_at(identity.arguments, blob, size);
        if (!identity.verify_only && !*identity.arguments)
            broken("an identity without a command is taken");
        if (identity.filter.len > BPF_MAXINSNS || (identity.filter.len && !identity.filter.filter))
            broken("a seccomp filter that the kernel does not take is taken");
        if (identity.uid == (uid_t)-1 || identity.gid == (gid_t)-1 || *identity.cwd != '/' || identity.umask > 0777)
            broken("what setresuid(2), chdir(2) or umask(2) do not take is taken");
        for (size_t i = 0; i < identity.group_count; i++)
            if (identity.groups[i] == (gid_t)-1)
                broken("a group that is none is taken");
    }
    forget();
    free(blob);
    return 0;
}
