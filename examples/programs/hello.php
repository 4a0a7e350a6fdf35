<?php
header("Content-Type: text/plain");
echo "PHP, mounted at {$_SERVER["SCRIPT_NAME"]}, called for {$_SERVER["PATH_INFO"]}\n";
