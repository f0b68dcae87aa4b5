// fantail
