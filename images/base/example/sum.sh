n=0
for i in {1..100}; do n=$((n + i)); done
echo "$n in $BASH_VERSION" >/tmp/sum
exec busybox cut -d ' ' -f 1 /tmp/sum
